// One document, written in a form or as JSON: the server reads what was typed last, judges it, and
// says how the other way looks. What is half typed stays as it is, and the other way waits for it.
import { attachEditor } from "./json_editor.js";
import { drawForm } from "./drawn_form.js";

const PAUSE_MS = 350;
const MOST_FAULTS = 20;

class TwoWays {
  constructor(root) {
    this.root = root;
    this.outer = root.closest("form");
    this.state = JSON.parse(document.getElementById(root.dataset.twoWays).textContent);
    this.why = root.querySelector("[data-why]");
    this.unread = root.querySelector("[data-unread]");
    this.verdict = root.querySelector("[data-verdict]");
    this.formPanel = root.querySelector("[data-form-panel]");
    this.jsonPanel = root.querySelector("[data-json-panel]");
    this.editor = attachEditor({
      textarea: root.querySelector("[data-text]"),
      parent: root.querySelector("[data-editor]"),
      onEdit: () => this.edited("json"),
    });
    this.form = null;
    this.from = "json";
    this.number = 0;
    this.timer = null;
    this.asked = Promise.resolve();
    this.tabs = [...root.querySelectorAll("[data-way]")];
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.choose(tab.dataset.way));
      tab.addEventListener("keydown", (event) => this.onTabKey(event));
    }
    if (this.tabs.length) this.choose(this.state.data ? "form" : "json");
    this.show(this.state);
  }

  onTabKey(event) {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = this.tabs.find((tab) => tab !== event.currentTarget);
    this.choose(other.dataset.way);
    other.focus();
  }

  choose(way) {
    for (const tab of this.tabs) {
      const isChosen = tab.dataset.way === way;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
    }
    this.formPanel.hidden = way !== "form";
    this.jsonPanel.hidden = way !== "json";
    if (way === "json") this.editor.view.requestMeasure();
  }

  edited(from) {
    this.from = from;
    this.number += 1;
    clearTimeout(this.timer);
    this.root.dataset.judged = "no";
    this.timer = setTimeout(() => this.judge(), PAUSE_MS);
  }

  /** Resolves when what was typed so far is judged. */
  async settle() {
    if (this.timer) {
      clearTimeout(this.timer);
      this.judge();
    }
    await this.asked;
  }

  judge() {
    this.timer = null;
    const number = this.number;
    const body = this.from === "form"
      ? { from: "form", data: this.form.data }
      : { from: "json", text: this.editor.text };
    this.asked = fetch(this.state.judge, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-csrftoken": this.outer.querySelector("[name=csrfmiddlewaretoken]").value,
      },
      body: JSON.stringify(body),
    }).then((answer) => this.take(answer, number)).catch(() => this.tell("The server cannot be reached.", "bad"));
    return this.asked;
  }

  async take(answer, number) {
    // Whoever has typed on is answered anew.
    if (number !== this.number) return;
    if (answer.redirected || !(answer.headers.get("content-type") || "").includes("json")) {
      this.tell("It could not be judged: sign in again in another tab.", "bad");
      return;
    }
    const told = await answer.json();
    if (number !== this.number) return;
    if (told.refusal) this.tell(told.refusal, "bad");
    else this.show(told);
  }

  show(told) {
    if (this.from === "form") {
      this.showFromForm(told);
    } else {
      this.showFromText(told);
    }
    this.editor.mark(this.from === "form" && told.text === null ? [] : told.faults);
    this.form?.mark(told.faults);
    this.tellFaults(told);
    this.root.dataset.judged = "yes";
    for (const button of this.outer.querySelectorAll("[data-needs-valid]")) button.disabled = !told.valid;
  }

  showFromForm(told) {
    if (told.text !== null) this.editor.setText(told.text);
    this.unread.textContent = told.why;
    this.unread.hidden = told.text !== null;
    this.jsonPanel.querySelector("[data-editor]").inert = told.text === null;
    this.why.hidden = true;
  }

  showFromText(told) {
    const container = this.root.querySelector("[data-form]");
    if (told.data && !this.form && this.state.schema) {
      this.form = drawForm({
        container, dataId: "ways-data", schema: this.state.schema, data: told.data,
        onEdit: () => this.edited("form"),
      });
    } else if (told.data && this.form) {
      this.form.setData(told.data);
    }
    container.inert = !told.data;
    container.classList.toggle("wb-asleep", !told.data);
    this.why.textContent = told.why;
    this.why.hidden = !told.why;
    this.unread.hidden = true;
  }

  tellFaults(told) {
    if (!told.faults.length) {
      this.tell("Valid.", "good");
      return;
    }
    const list = document.createElement("ul");
    for (const fault of told.faults.slice(0, MOST_FAULTS)) {
      const item = document.createElement("li");
      item.append(`${fault.message} `);
      if (fault.pointer !== null && told.text !== null) {
        const place = Object.assign(document.createElement("button"), {
          type: "button", className: "wb-place",
          textContent: `${fault.pointer || "/"} · line ${this.editor.lineOf(fault.pointer)}`,
        });
        place.addEventListener("click", () => {
          if (this.tabs.length) this.choose("json");
          this.editor.show(fault.pointer);
        });
        item.append(place);
      }
      list.append(item);
    }
    this.tell(list, "bad");
  }

  tell(what, tone) {
    this.verdict.className = `wb-verdict wb-said-${tone}`;
    this.verdict.replaceChildren(what);
  }
}

for (const root of document.querySelectorAll("[data-two-ways]")) {
  const ways = new TwoWays(root);
  // Nothing leaves before what was typed last has been read.
  ways.outer.addEventListener("submit", (event) => {
    if (root.dataset.judged !== "no") return;
    event.preventDefault();
    const { submitter } = event;
    ways.settle().then(() => {
      if (!submitter?.disabled) ways.outer.requestSubmit(submitter);
    });
  });
  document.body.addEventListener("htmx:confirm", (event) => {
    if (!event.detail.elt.matches("[data-after-judging]") || root.dataset.judged !== "no") return;
    event.preventDefault();
    ways.settle().then(() => {
      if (!event.detail.elt.disabled) event.detail.issueRequest(true);
    });
  });
}
