// A list of choices that one can search in is drawn by a library, which forgets what it is called:
// it gets the name of its field, for who can't see where it stands.
"use strict";

function nameLists() {
  for (const list of document.querySelectorAll("select.select2-hidden-accessible")) {
    const drawn = list.nextElementSibling?.querySelector(".select2-selection");
    const label = list.getAttribute("aria-label") || list.labels[0]?.textContent.trim();
    if (drawn && label) {
      drawn.removeAttribute("aria-labelledby");
      const chosen = list.selectedOptions[0]?.textContent.trim();
      drawn.setAttribute("aria-label", chosen ? `${label}: ${chosen}` : label);
      drawn.querySelector("[role=textbox]")?.setAttribute("aria-label", label);
    }
  }
}

document.addEventListener("DOMContentLoaded", () => {
  nameLists();
  new MutationObserver(nameLists).observe(document.body, { childList: true, subtree: true });
});
document.addEventListener("change", nameLists);
