// A button with `data-asks` asks first, with what it would lead to.
"use strict";

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.asks;
  if (question && !confirm(question)) {
    event.preventDefault();
  }
});
