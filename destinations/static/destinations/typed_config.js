"use strict";

// The form of a new destination's config follows the chosen type. What was typed is kept for
// each type, so that looking at another one loses nothing.
document.addEventListener("DOMContentLoaded", () => {
  const type = document.getElementById("id_type");
  const config = document.getElementById("id_config");
  const holder = document.querySelector("[data-schemas]");
  if (!type || !config || !holder) {
    return;
  }
  const schemas = JSON.parse(holder.dataset.schemas);
  const typed = {};
  let shown = type.value;

  type.addEventListener("change", () => {
    const form = reactJsonForm.getFormInstance("id_config_jsonform");
    if (!schemas[type.value]) {
      return;
    }
    typed[shown] = JSON.parse(config.value);
    shown = type.value;
    form.update({ schema: schemas[shown], data: typed[shown] || {}, errorMap: {} });
  });
});
