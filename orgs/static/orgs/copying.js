/* Copying: a button's data-copy, or the text or value of what it names by an id ("#secret"). A
   classic script, for Unfold loads it in the head of each page. */
"use strict";
{
  const TOLD_MS = 2500;

  function mark(named) {
    if (named.select) named.select();
    else window.getSelection().selectAllChildren(named);
  }

  async function copy(button) {
    const named = button.dataset.copy.startsWith("#") && document.querySelector(button.dataset.copy);
    const label = button.textContent;
    /* Without TLS, or where it is forbidden, a script has no clipboard: it is marked. */
    try {
      await navigator.clipboard.writeText(named ? (named.value ?? named.textContent).trim() : button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      if (named) mark(named);
      button.textContent = named ? "Marked: press Ctrl+C" : "This browser does not copy";
    }
    setTimeout(() => { button.textContent = label; }, TOLD_MS);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (button) copy(button);
  });
}
