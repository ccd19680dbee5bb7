// What of CodeMirror 6 the console uses, as one module; `make codemirror` bundles it.
import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json, jsonParseLinter } from "@codemirror/lang-json";
import {
  HighlightStyle,
  bracketMatching,
  ensureSyntaxTree,
  foldGutter,
  foldKeymap,
  indentOnInput,
  syntaxHighlighting,
} from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";

// Colours are the page's own: see `console.css`.
const colours = HighlightStyle.define([
  { tag: tags.propertyName, class: "wb-code-name" },
  { tag: tags.string, class: "wb-code-text" },
  { tag: [tags.number, tags.bool, tags.null], class: "wb-code-value" },
]);

const parsed = jsonParseLinter();

/** An editor of JSON in `parent`; Tab leaves it, as it leaves a field. */
export function createEditor({ parent, text, label, describedBy, readOnly, onChange }) {
  const attributes = { "aria-label": label, "aria-multiline": "true" };
  if (describedBy) {
    attributes["aria-describedby"] = describedBy;
  }
  return new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(),
        foldGutter(),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        closeBrackets(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        lintGutter(),
        json(),
        syntaxHighlighting(colours),
        EditorState.tabSize.of(2),
        EditorState.readOnly.of(Boolean(readOnly)),
        EditorView.contentAttributes.of(attributes),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && onChange) {
            onChange(update);
          }
        }),
        keymap.of([
          ...closeBracketsKeymap,
          ...defaultKeymap,
          ...historyKeymap,
          ...foldKeymap,
          ...lintKeymap,
        ]),
      ],
    }),
  });
}

/** Where the text is no JSON, as a list of one diagnostic; empty where it is. */
export function findSyntaxFaults(view) {
  return parsed(view);
}

export { ensureSyntaxTree, setDiagnostics };
