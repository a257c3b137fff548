// Parts of a page with `data-live="5"` and an id are asked for anew every so many seconds, while
// somebody looks at them. Without this, the page shows how it was when it was opened.
"use strict";

const shown = new Map(); // of each part, what the server said last: what somebody opened stays open

function isUsed(part) {
  const chosen = document.getSelection();
  return part.contains(document.activeElement) || (!chosen.isCollapsed && part.contains(chosen.anchorNode));
}

async function renew(parts) {
  const answer = await fetch(location.href, { headers: { "X-Requested-With": "live" } });
  if (answer.redirected || answer.status === 403 || answer.status === 404) {
    parts.forEach((part) => { delete part.dataset.live; }); // logged out, or it is gone: it stays as it is
    return;
  }
  if (!answer.ok) {
    return; // the server starts anew: what is there is better than nothing
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts) {
    const fresh = page.getElementById(part.id);
    if (fresh && !isUsed(part)) {
      if (fresh.innerHTML !== shown.get(part)) {
        part.innerHTML = fresh.innerHTML;
        shown.set(part, fresh.innerHTML);
      }
      if (!("live" in fresh.dataset)) {
        delete part.dataset.live; // it is over: nothing of it changes any more
      }
    }
  }
}

function keepLive() {
  const parts = [...document.querySelectorAll("[data-live]")];
  if (!parts.length) {
    return;
  }
  setTimeout(async () => {
    const idle = parts.filter((part) => !isUsed(part));
    if (!document.hidden && idle.length) {
      await renew(idle).catch(() => {}); // such as a network that is away: it is tried again
    }
    keepLive();
  }, 1000 * Math.min(...parts.map((part) => part.dataset.live)));
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-live]").forEach((part) => shown.set(part, part.innerHTML));
  keepLive();
});
