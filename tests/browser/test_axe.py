"""Every page of the admin is looked at by axe-core: can everybody read and use it?

WCAG 2.1 AA, in both themes. https://github.com/dequelabs/axe-core
"""

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.admin.pages import every_page
from tests.admin.records import RECORDS
from tests.browser.chromium import Chromium
from tests.browser.test_content_policy import log_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]
HOW_TO_GET = (
    "axe-core is not installed: "
    "pip install --no-deps --require-hashes --requirement tests/browser/axe.lock"
)
LOOK = """
axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], resultTypes: ["violations"],
})
    .then(found => found.violations
        .filter(each => ["serious", "critical"].includes(each.impact))
        .map(each => `${each.id}: ${each.nodes.length} x ${each.nodes[0].html.slice(0, 200)}`
            + ` ${each.nodes[0].failureSummary.slice(0, 300)}`))
"""


@pytest.fixture(scope="module")
def axe() -> str:
    """The script."""
    spec = find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        pytest.fail(HOW_TO_GET, pytrace=False)
    return (Path(spec.origin).parent / "axe.min.js").read_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_keeps_anybody_out(
    own: SimpleNamespace, server: str, window: Chromium, axe: str, theme: str, figure: Any
) -> None:
    own.user.email = "own@example.com"
    log_in(window, server, own.user)
    window.resize(1440, dark=theme == "dark")
    window.evaluate(f"localStorage.setItem('adminTheme', JSON.stringify('{theme}'))")
    found: dict[str, list[str]] = {}
    looked = 0
    for address in [*every_page(own, RECORDS), "/api/docs"]:
        if window.open(server + address) != 200 or not window.evaluate("document.title"):
            continue  # no page: what a search shows in one
        if address.startswith("/admin/"):
            dark = window.evaluate("document.documentElement.classList.contains('dark')")
            assert dark is (theme == "dark") or "login" in address, address
        window.evaluate(f"{axe}; null")
        looked += 1
        if said := window.evaluate(LOOK):
            found[address] = said
    assert not found, "\n".join(f"{at}:\n  " + "\n  ".join(said) for at, said in found.items())
    figure(f"axe on {looked} pages, {theme}: {len(found)} with a serious or critical finding")
