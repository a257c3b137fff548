"""Nothing on a page of the admin runs but the files that the server itself sends.

`make browser` shows the same in a browser, which also sees what scripts do.
"""

from html.parser import HTMLParser
from types import SimpleNamespace

from django.test import Client

from otms import headers
from tests.admin.conftest import Browser
from tests.admin.pages import every_page
from tests.admin.records import RECORDS

DATA = {"application/json", "text/json"}


class Inline(HTMLParser):
    """What a strict policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script" and "src" not in given and given.get("type") not in DATA:
            self.found.append("a script in the page")
        if tag in ("base", "object", "embed", "iframe"):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            # Alpine's own begin with x- or @.
            if name.startswith("on"):
                self.found.append(f"{name}={value!r}")
            if (value or "").strip().lower().startswith("javascript:"):
                self.found.append(f"{name}={value!r}")
            elsewhere = (value or "").startswith(("http:", "https:", "//"))
            if name == "src" and elsewhere:
                self.found.append(f"{tag} from {value}")


def inline(html: str) -> list[str]:
    reader = Inline()
    reader.feed(html)
    return reader.found


def test_what_is_inline_is_seen() -> None:
    planted = (
        "<script>1</script>",
        '<script type="module">1</script>',
        '<a onclick="x()">',
        '<a href=" JavaScript:x()">',
        '<img src=x onerror="x()">',
        '<script src="https://evil.example/x.js"></script>',
        "<base href='/x'>",
    )
    assert [bool(inline(each)) for each in planted] == [True] * len(planted)
    assert inline('<script type="application/json">{}</script><a x-on:click="x" href="/">') == []


def test_no_page_has_a_script_or_a_handler_in_it(own: SimpleNamespace, browser: Browser) -> None:
    pages = [*every_page(own, RECORDS), "/admin/integrations/appinstallation/add/?app=slack"]
    html = 0
    for address in pages:
        answer = browser.client.get(address)
        assert answer.status_code in (200, 302, 403, 405), address
        assert answer["Content-Security-Policy"] == headers.ADMIN, address
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            html += 1
            assert inline(answer.content.decode()) == [], address
    assert html > 60
    page = Client().get("/admin/login/").content.decode()
    assert inline(page) == []
