// The keyboard reaches whatever the mouse does: what opens something and is neither a link nor a
// button can be reached and pressed, and the first thing to be reached is a way past the menu.
"use strict";

const OPENERS = "a:not([href])[x-on\\:click], div.cursor-pointer[x-on\\:click]";

document.addEventListener("DOMContentLoaded", () => {
  for (const opener of document.querySelectorAll(OPENERS)) {
    opener.tabIndex = 0;
    opener.setAttribute("role", "button");
  }
  const past = document.querySelector('meta[name="past-the-menu"]');
  const content = document.getElementById("content");
  if (past && content && document.getElementById("nav-sidebar")) {
    content.tabIndex = -1;
    const link = document.createElement("a");
    link.href = "#content";
    link.className = "past-the-menu";
    link.textContent = past.content;
    document.body.prepend(link);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches?.(OPENERS)) {
    event.preventDefault();
    event.target.click();
  }
});
