// A button with `data-copy` copies the text beside it. Where the browser lets no page write to the
// clipboard (it is not HTTPS), the text is chosen, to be copied by hand.
"use strict";

function choose(text) {
  const range = document.createRange();
  range.selectNodeContents(text);
  const chosen = document.getSelection();
  chosen.removeAllRanges();
  chosen.addRange(range);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) {
    return;
  }
  const text = button.closest("[data-copied], details, section").querySelector("pre");
  try {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = button.dataset.done;
  } catch {
    choose(text);
    button.textContent = button.dataset.byHand;
  }
});
