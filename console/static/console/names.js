/* Names for controls that Django's, select2's and jsonform's scripts draw without any:
   a screen reader says them, and nothing else changes. */
"use strict";
{
  const UNNAMED = "input:not([type=hidden], [aria-label], [aria-labelledby]), "
    + "select:not([aria-label], [aria-labelledby]), textarea:not([aria-label], [aria-labelledby])";

  // What scrolls in a box of its own has to be scrolled without a mouse.
  const BOXES = ".wb-scroll:not([tabindex]), .wb-page pre:not([tabindex]), .waybill-json:not([tabindex])";

  /* The text of the nearest label around a control; in a table, that of its column. */
  function findName(control) {
    const cell = control.closest("td");
    if (cell) {
      const column = cell.closest("table")?.querySelectorAll("thead th")[cell.cellIndex];
      const name = cell.dataset.label || column?.textContent;
      if (name?.trim()) return name.trim();
    }
    for (let around = control.parentElement; around && around !== document.body; around = around.parentElement) {
      const label = around.querySelector("label, legend, .rjf-group-title");
      if (label?.textContent.trim()) return label.textContent.trim();
    }
    return control.name || control.placeholder;
  }

  function nameControls() {
    for (const box of document.querySelectorAll(".select2-selection[role=combobox]:not([aria-label])")) {
      const select = box.closest(".select2-container")?.previousElementSibling;
      box.removeAttribute("aria-labelledby");
      box.setAttribute("aria-label", select?.labels?.[0]?.textContent.trim() || findName(box));
      // A picture of the choice, which the box around it tells.
      const shown = box.querySelector("[role=textbox]");
      shown?.removeAttribute("role");
      shown?.removeAttribute("aria-readonly");
    }
    for (const control of document.querySelectorAll(UNNAMED)) {
      if (!control.labels?.length) control.setAttribute("aria-label", findName(control));
    }
    // Its text says what its name says otherwise, which who speaks to it cannot know.
    for (const button of document.querySelectorAll("button.rjf-add-button[aria-label]")) {
      if (button.textContent.trim()) button.removeAttribute("aria-label");
    }
    for (const box of document.querySelectorAll(BOXES)) {
      const scrolls = box.scrollHeight > box.clientHeight || box.scrollWidth > box.clientWidth;
      if (scrolls) box.tabIndex = 0;
    }
    for (const tip of document.querySelectorAll("span.help-tooltip[aria-label]:not([role])")) {
      tip.setAttribute("role", "img");
    }
  }

  let asked = 0;
  function nameSoon() {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(nameControls);
  }

  document.addEventListener("DOMContentLoaded", () => {
    nameSoon();
    new MutationObserver(nameSoon).observe(document.body, { childList: true, subtree: true });
  });
}
