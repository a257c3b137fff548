// A part of a page with `data-live="5"` and an id is asked for anew every so many seconds, while
// somebody looks at it. Without this, the page shows how it was when it was opened.
"use strict";

function isUsed(part) {
  const chosen = document.getSelection();
  return part.contains(document.activeElement) || (!chosen.isCollapsed && part.contains(chosen.anchorNode));
}

async function renew(part) {
  const answer = await fetch(location.href, { headers: { "X-Requested-With": "live" } });
  if (!answer.ok || answer.redirected) {
    return; // logged out, or the server starts anew: what is there is better than nothing
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById(part.id);
  if (fresh && !isUsed(part)) {
    part.innerHTML = fresh.innerHTML;
  }
}

function keepLive(part) {
  const look = async () => {
    if (!document.hidden && !isUsed(part)) {
      await renew(part).catch(() => {}); // such as a network that is away: it is tried again
    }
    setTimeout(look, 1000 * part.dataset.live);
  };
  setTimeout(look, 1000 * part.dataset.live);
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-live]").forEach(keepLive);
});
