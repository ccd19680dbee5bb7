/* The list of actions: what is ticked. */

function watchTicks(form) {
  const all = form.querySelector("[data-tick-all]");
  const boxes = [...form.querySelectorAll("input[name=ids]")];
  const count = form.querySelector("[data-ticked-count]");
  const buttons = form.querySelectorAll("button[name=kind]");

  function tell() {
    const ticked = boxes.filter((box) => box.checked).length;
    count.textContent = `${ticked} ticked:`;
    all.checked = ticked > 0 && ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
    for (const button of buttons) button.disabled = ticked === 0;
  }

  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    tell();
  });
  form.addEventListener("change", tell);
  // A page that is gone back to has its ticks again a moment later.
  window.addEventListener("pageshow", tell);
  tell();
}

for (const bulk of document.querySelectorAll("[data-bulk]")) watchTicks(bulk.closest("form"));
