// A data source shows the settings of its own connector. Without this, the page shows those of all.
"use strict";

function showSettings(select) {
  const step = select.name.slice(0, -"connector".length);
  for (const { value: connector } of select.options) {
    for (const field of document.querySelectorAll(`[name^="${step}${connector}_"]`)) {
      field.closest(".form-row").style.display = connector === select.value ? "" : "none";
    }
  }
}

function showAll() {
  document.querySelectorAll('select[name$="-connector"]').forEach(showSettings);
}

document.addEventListener("DOMContentLoaded", showAll);
document.addEventListener("formset:added", showAll);
document.addEventListener("change", (event) => {
  if (event.target.matches('select[name$="-connector"]')) {
    showSettings(event.target);
  }
});
