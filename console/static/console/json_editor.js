// An editor of JSON beside a textarea, which keeps its text; faults are marked by JSON Pointer.
import {
  createEditor,
  ensureSyntaxTree,
  findSyntaxFaults,
  setDiagnostics,
} from "./vendor/codemirror.js";

const VALUES = new Set(["Object", "Array", "String", "Number", "True", "False", "Null"]);
const PARSE_MS = 500;

function children(node, wanted) {
  const found = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    if (wanted(child)) found.push(child);
  }
  return found;
}

function split(pointer) {
  const parts = (pointer || "").split("/").slice(1);
  return parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function readName(state, property) {
  const name = property.firstChild;
  try {
    return JSON.parse(state.sliceDoc(name.from, name.to));
  } catch {
    return undefined;
  }
}

function findProperty(state, object, name) {
  const properties = children(object, (child) => child.name === "Property");
  // Of two with one name, the last one counts.
  return properties.reverse().find((property) => readName(state, property) === name);
}

/** Where in the text stands what a pointer leads to, or, if nothing does, what it would be in. */
export function findRange(view, pointer) {
  const { state } = view;
  const tree = ensureSyntaxTree(state, state.doc.length, PARSE_MS);
  const root = tree && children(tree.topNode, (child) => VALUES.has(child.name))[0];
  if (!root) return { from: 0, to: 0 };
  let place = root;
  let marked = root;
  for (const part of split(pointer)) {
    if (place.name === "Object") {
      const property = findProperty(state, place, part);
      if (!property) break;
      marked = property.firstChild;
      place = property.lastChild;
      if (!VALUES.has(place.name)) break;
    } else if (place.name === "Array") {
      const item = children(place, (child) => VALUES.has(child.name))[Number(part)];
      if (!item) break;
      marked = place = item;
    } else {
      break;
    }
  }
  const isLong = place.name === "Object" || place.name === "Array";
  // A value is marked itself; of an object or a list, its name, or its first bracket.
  if (!isLong) return { from: place.from, to: place.to };
  if (marked !== place) return { from: marked.from, to: marked.to };
  return { from: place.from, to: place.from + 1 };
}

/** The editor; `onEdit` is called when somebody has typed, and not for what `setText` does. */
export function attachEditor({ textarea, parent, onEdit }) {
  let isSetting = false;
  const view = createEditor({
    parent,
    text: textarea.value,
    label: parent.dataset.editor,
    onChange(update) {
      textarea.value = update.state.doc.toString();
      if (!isSetting) onEdit();
    },
  });
  textarea.hidden = true;
  document.querySelector(`label[for="${textarea.id}"]`)?.remove();

  return {
    view,
    get text() {
      return view.state.doc.toString();
    },
    setText(text) {
      if (text === view.state.doc.toString()) return;
      isSetting = true;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
      isSetting = false;
    },
    /** Mark faults at their lines; where the text is no JSON, that is what is marked. */
    mark(faults) {
      const broken = findSyntaxFaults(view);
      const found = broken.length ? broken : faults.map((fault) => ({
        ...findRange(view, fault.pointer), severity: "error", message: fault.message,
      }));
      view.dispatch(setDiagnostics(view.state, found));
    },
    /** Show what a pointer leads to. */
    show(pointer) {
      const { from } = findRange(view, pointer);
      view.dispatch({ selection: { anchor: from }, scrollIntoView: true });
      view.focus();
    },
    lineOf(pointer) {
      return view.state.doc.lineAt(findRange(view, pointer).from).number;
    },
  };
}
