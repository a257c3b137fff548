"""A person on their way through the admin: what they read, click and type, counted and timed."""

import json
import time
from typing import Any

from tests.browser.chromium import Chromium

PATIENCE = 20.0
# The first thing one can see with these words on it that can be clicked, or a field called so.
FIND = """
((words, kinds) => {
    const shown = each => each.checkVisibility({checkVisibilityCSS: true})
        && each.getClientRects().length;
    const name = each => (each.getAttribute("aria-label")
        || [...(each.labels || [])].map(label => label.innerText).join(" ")
        || each.getAttribute("placeholder") || each.innerText
        || each.value || each.title || "").replace(/\\s+/g, " ").trim();
    const all = [...document.querySelectorAll(kinds)]
        .filter(each => shown(each) || each.matches(".ace_text-input"));
    const found = all.find(each => name(each) === words)
        || all.find(each => name(each).startsWith(words))
        || all.find(each => name(each).includes(words));
    if (!found) return null;
    window.found = found;
    found.scrollIntoView({block: "center"});
    const box = found.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
})(%s, %s)
"""
CLICKABLE = (
    "a[href], button, summary, input[type=submit], input[type=checkbox], label, [role=button]"
)
FIELDS = "input:not([type=hidden]):not([type=checkbox]), textarea, select"


class Journey:
    """One window of a browser, and how far it is."""

    def __init__(self, window: Chromium, url: str) -> None:
        self.window, self.url = window, url
        self.clicks, self.started = 0, time.monotonic()

    def begin(self, page: str) -> None:
        """On this page; from here on it counts."""
        self.window.open(f"{self.url}{page}")
        self.clicks, self.started = 0, time.monotonic()

    def __str__(self) -> str:
        return f"{self.clicks} clicks, {time.monotonic() - self.started:.1f} s"

    def log_in(self, user: str, password: str) -> None:
        self.window.open(f"{self.url}/admin/login/")
        self.fill("Username", user)
        self.fill("Password", password)
        self.click("Log in")
        self.reads("Overview")

    def click(self, words: str, kinds: str = CLICKABLE) -> None:
        """Click what says so, and wait for the page that it may lead to."""
        x, y = self._found(words, kinds)
        self.window.evaluate("window.before = 1")
        self.window.click_at(x, y)
        self.clicks += 1
        self._settle()

    def fill(self, label: str, text: str) -> None:
        """Type into the field of this name, in the place of what is there."""
        self._focus(label)
        self.window.press("a", ctrl=True)
        self.window.type(text)

    def choose(self, label: str, option: str) -> None:
        """An option of a list; that takes two clicks."""
        self._found(label, "select")
        chosen = self.window.evaluate(
            "(words => { const list = window.found;"
            "const one = [...list.options].find(each => each.text.trim().startsWith(words));"
            "if (!one) return false; window.before = 1; list.value = one.value;"
            "list.dispatchEvent(new Event('change', {bubbles: true})); return true;"
            f"}})({json.dumps(option)})"
        )
        assert chosen, f"There is no {option!r} in {label!r}."
        self.clicks += 2
        self._settle()

    def reads(self, *words: str, within: float = PATIENCE) -> str:
        """Wait until all of this can be read; the text of the page."""
        end, text = time.monotonic() + within, ""
        while time.monotonic() < end:
            text = self.text()
            if all(each in text for each in words):
                return text
            time.sleep(0.05)
        missing = [each for each in words if each not in text]
        raise AssertionError(f"{missing} can't be read on {self.at()}:\n{text[:4000]}")

    def text(self) -> str:
        read = "document.body && document.body.innerText.replace(/\\s+/g, ' ')"
        return str(self._asked(read) or "")

    def at(self) -> str:
        return str(self._asked("location.pathname + location.search"))

    def _focus(self, label: str) -> None:
        self._found(label, FIELDS)
        self.window.evaluate("window.found.focus()")

    def _found(self, words: str, kinds: str) -> Any:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if at := self._asked(FIND % (json.dumps(words), json.dumps(kinds))):
                return at
            time.sleep(0.05)
        raise AssertionError(f"Nothing says {words!r} on {self.at()}:\n{self.text()[:4000]}")

    def _settle(self) -> None:
        """A moment for a page to leave, and as long as the next one takes to be there."""
        time.sleep(0.15)
        end = time.monotonic() + PATIENCE
        while self._asked("document.readyState") != "complete" and time.monotonic() < end:
            time.sleep(0.03)

    def _asked(self, script: str) -> Any:
        """What this is in the page; None while one page goes and the next comes."""
        try:
            return self.window.evaluate(script)
        except RuntimeError:
            return None
