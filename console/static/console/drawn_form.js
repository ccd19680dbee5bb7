// django-jsonform's form of a document, with names for those who hear it, and faults at its inputs.

function nameInputs(root) {
  for (const input of root.querySelectorAll("input, select, textarea")) {
    if (input.type === "hidden" || input.closest("[style*='display: none']")) continue;
    const path = (input.name || "").split("§").slice(1)
      .filter((part) => part !== "kind" && part !== "properties")
      .map((part) => (/^\d+$/.test(part) ? `item ${Number(part) + 1}` : part));
    const row = input.closest(".rjf-form-row, .rjf-oneof-selector, .rjf-check-input");
    const label = row?.querySelector("label")?.textContent.trim();
    if (label && path.length) path[path.length - 1] = label;
    const name = path.join(", ") || label || (input.tagName === "SELECT" ? "Type" : "Value");
    if (input.getAttribute("aria-label") !== name) input.setAttribute("aria-label", name);
    const error = row?.querySelector(".rjf-error-text");
    input.toggleAttribute("aria-invalid", Boolean(error));
    if (error) input.setAttribute("aria-invalid", "true");
  }
  for (const button of root.querySelectorAll("button[title]:not([aria-label])")) {
    // A button with a text is called by it.
    if (!button.textContent.trim()) button.setAttribute("aria-label", button.title);
  }
}

/** The form in `container`; `onEdit` is called when somebody has changed something. */
export function drawForm({ container, dataId, schema, data, onEdit }) {
  let known = JSON.stringify(data);
  const form = reactJsonForm.createForm({
    containerId: container.id, dataInputId: dataId, schema, data, errorMap: {},
  });
  form.addEventListener("change", () => {
    const now = JSON.stringify(form.getData());
    if (now === known) return;
    known = now;
    onEdit();
  });
  form.render();
  new MutationObserver(() => nameInputs(container))
    .observe(container, { childList: true, subtree: true });
  nameInputs(container);

  return {
    get data() {
      return form.getData();
    },
    setData(next) {
      known = JSON.stringify(next);
      if (known !== JSON.stringify(form.getData())) form.update({ data: next });
    },
    mark(faults) {
      const errorMap = {};
      for (const fault of faults) {
        if (fault.at) (errorMap[fault.at] ||= []).push(fault.message);
      }
      form.update({ errorMap });
    },
  };
}
