/* Copying: a button's data-copy, or the text or value of what it names by an id ("#secret"). A
   classic script, for Unfold loads it in the head of each page. */
"use strict";
{
  const TOLD_MS = 2500;
  const labels = new WeakMap();
  const timers = new WeakMap();

  /* What a button says for a while, is said to who does not see it as well. */
  function tell(button, text) {
    if (!labels.has(button)) labels.set(button, button.textContent);
    button.textContent = text;
    let heard = document.getElementById("copying-told");
    if (!heard) {
      heard = document.createElement("div");
      heard.id = "copying-told";
      heard.setAttribute("role", "status");
      Object.assign(heard.style, {
        clipPath: "inset(50%)", height: "1px", overflow: "hidden", position: "absolute", width: "1px",
      });
      button.after(heard);
    }
    heard.textContent = text;
    clearTimeout(timers.get(button));
    timers.set(button, setTimeout(() => { button.textContent = labels.get(button); }, TOLD_MS));
  }

  function mark(named) {
    if (named.select) {
      named.focus();
      named.select();
    } else {
      window.getSelection().selectAllChildren(named);
    }
  }

  async function copy(button) {
    const named = button.dataset.copy.startsWith("#") && document.querySelector(button.dataset.copy);
    const text = named ? (named.value ?? named.textContent).trim() : button.dataset.copy;
    /* Without TLS, or where it is forbidden, a script has no clipboard: it is marked. */
    try {
      await navigator.clipboard.writeText(text);
      tell(button, "Copied");
    } catch {
      if (named) mark(named);
      tell(button, named ? "Marked: press Ctrl+C" : "This browser does not copy");
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (button) copy(button);
  });
}
