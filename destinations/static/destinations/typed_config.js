"use strict";

// The drawn form of a new row (a destination's config, a credential's secret) follows the chosen
// type. What was typed is kept for each type, so that looking at another one loses nothing.
document.addEventListener("DOMContentLoaded", () => {
  const type = document.getElementById("id_type");
  const holder = document.querySelector("[data-schemas]");
  const field = holder && document.getElementById(holder.dataset.field);
  if (!type || !field) {
    return;
  }
  const schemas = JSON.parse(holder.dataset.schemas);
  const typed = {};
  let shown = type.value;

  type.addEventListener("change", () => {
    const form = reactJsonForm.getFormInstance(`${field.id}_jsonform`);
    if (!schemas[type.value]) {
      return;
    }
    typed[shown] = JSON.parse(field.value);
    shown = type.value;
    form.update({ schema: schemas[shown], data: typed[shown] || {}, errorMap: {} });
  });
});

// Of credentials and signing keys, those of the row's organization that fit its type are offered.
document.addEventListener("DOMContentLoaded", () => {
  const fixed = document.querySelector("[data-org]");
  const value = (id) => (document.getElementById(id) || {}).value || "";
  const place = () =>
    fixed ? fixed.dataset : { org: value("id_org"), kind: value("id_type") };

  if (window.django && django.jQuery && document.getElementById("id_credential")) {
    // What was chosen for another organization or type may not fit this one.
    django.jQuery("#id_org, #id_type").on("change", () => {
      django.jQuery("#id_credential, #id_signing_key").val(null).trigger("change");
    });
    django.jQuery.ajaxPrefilter((options) => {
      if (/field_name=(credential|signing_key)(&|$)/.test(options.data || "")) {
        const { org, kind } = place();
        options.data += `&org=${encodeURIComponent(org)}&kind=${encodeURIComponent(kind)}`;
      }
    });
  }
});

// A browser that fills its user's own password in would replace what is stored.
document.addEventListener("DOMContentLoaded", () => {
  const forbid = () => {
    for (const input of document.querySelectorAll(".rjf-form-wrapper input[type=password]")) {
      input.setAttribute("autocomplete", "new-password");
    }
  };
  forbid();
  new MutationObserver(forbid).observe(document.body, { childList: true, subtree: true });
});
