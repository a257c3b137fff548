// A data source shows the settings of its own connector, and of those the ones that its choices ask
// for. Without this, the page shows all of them.
"use strict";

function isAsked(field, step) {
  const { when, values } = field.dataset;
  const choice = when && document.querySelector(`[name="${step}${when}"]`);
  return !choice || values.split(" ").includes(choice.value);
}

function showSettings(select) {
  const step = select.name.slice(0, -"connector".length);
  for (const { value: connector } of select.options) {
    for (const field of document.querySelectorAll(`[name^="${step}${connector}_"]`)) {
      const isShown = connector === select.value && isAsked(field, step);
      field.closest(".form-row").style.display = isShown ? "" : "none";
    }
  }
}

function showAll() {
  document.querySelectorAll('select[name$="-connector"]').forEach(showSettings);
}

document.addEventListener("DOMContentLoaded", showAll);
document.addEventListener("formset:added", showAll);
document.addEventListener("change", (event) => {
  if (event.target.matches("select")) {
    showAll();
  }
});
