"""A browser and its system in words, as far as the User-Agent says."""

from django.utils.translation import gettext as _

BROWSERS = {  # in this order: most say that they are others too
    "Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "FxiOS": "Firefox",
    "CriOS": "Chrome", "HeadlessChrome": "Chrome", "Chrome": "Chrome", "Safari": "Safari",
}  # fmt: skip
SYSTEMS = {
    "Windows": "Windows", "Android": "Android", "iPhone": "iPhone", "iPad": "iPad",
    "Mac OS X": "macOS", "CrOS": "ChromeOS", "Linux": "Linux",
}  # fmt: skip
LONGEST = 40


def in_short(said: str) -> str:
    """Firefox on Linux; of a program its name, as it says it."""
    if not said.startswith("Mozilla/"):
        words = said.split(" (")[0].strip()
        return f"{words[:LONGEST]}..." if len(words) > LONGEST else words
    browser = next((name for mark, name in BROWSERS.items() if f"{mark}/" in said), _("a browser"))
    system = next((name for mark, name in SYSTEMS.items() if mark in said), "")
    if not system:
        return browser
    return _("{browser} on {system}").format(browser=browser, system=system)
