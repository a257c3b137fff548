"""Every page of the admin, in a browser that keeps the policy: nothing is refused or breaks."""

from types import SimpleNamespace
from typing import Any

import pytest

from otms import headers
from tests.admin.pages import every_page
from tests.admin.records import RECORDS
from tests.browser.chromium import Chromium
from tests.browser.conftest import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

# Whatever opens or closes something on the page; links and what sends a form lead away from it.
CLICK_ALL = """
[...document.querySelectorAll("*")].filter(each =>
    [...each.attributes].some(a => /^(x-on:|@)click/.test(a.name))
    && !each.closest("a[href]") && each.type !== "submit"
).map(each => each.click()).length
"""
LOG_IN = """
document.querySelector("[name=username]").value = %r;
document.querySelector("[name=password]").value = %r;
document.querySelector("#login-form [type=submit], form [type=submit]").click();
"""


def log_in(window: Chromium, server: str, person: Any) -> None:
    person.set_password(PASSWORD)
    person.save()
    assert window.open(f"{server}/admin/login/") == 200
    assert window.submit(LOG_IN % (person.username, PASSWORD)) == 200
    assert window.evaluate("location.pathname") == "/admin/"


def test_no_page_of_the_admin_is_refused_anything(
    own: SimpleNamespace, server: str, window: Chromium, figure: Any
) -> None:
    pages = [
        *every_page(own, RECORDS),
        "/admin/integrations/appinstallation/add/?app=slack",
        "/api/docs",
        "/nothing",
    ]
    own.user.email = "own@example.com"
    log_in(window, server, own.user)
    opened, clicked, complaints = 1, 0, {}
    for address in pages:
        window.complaints.clear()
        status = window.open(server + address)
        if status in (403, 404, 405):  # the browser itself writes the status to its console
            window.complaints = [
                each for each in window.complaints if f"status of {status}" not in each
            ]
        clicked += window.evaluate(CLICK_ALL) or 0
        window.evaluate("new Promise(go => setTimeout(go, 50))")
        opened += 1
        if window.complaints:
            complaints[address] = list(window.complaints)
    assert not complaints, "\n".join(f"{at}: {said}" for at, said in complaints.items())
    assert window.complaints_of_policy == 0
    assert clicked > opened
    figure(
        f"{opened} pages in Chromium, {clicked} clicks: "
        f"{window.complaints_of_policy} violations of the policy, {len(complaints)} console errors"
    )


def test_the_page_with_credentials_works_as_it_is_used(
    own: SimpleNamespace, server: str, window: Chromium
) -> None:
    log_in(window, server, own.user)
    address = f"{server}/admin/integrations/integration/{own.integration.pk}/credentials/"
    assert window.open(address) == 200
    assert window.submit("document.querySelector('#new-credentials button').click()") == 200
    assert "otms_int_" in window.evaluate("document.body.innerText")
    assert window.complaints == []


@pytest.mark.parametrize("without", ["'unsafe-eval'", "'unsafe-inline'"])
def test_the_theme_cannot_do_without_what_it_is_allowed(
    own: SimpleNamespace,
    server: str,
    window: Chromium,
    monkeypatch: pytest.MonkeyPatch,
    without: str,
    figure: Any,
) -> None:
    """If this fails, the policy may become stricter."""
    log_in(window, server, own.user)
    monkeypatch.setattr(headers, "ADMIN", headers.ADMIN.replace(f" {without}", ""))
    window.open(f"{server}/admin/")
    assert window.complaints_of_policy
    figure(f"the first page without {without}: {window.complaints_of_policy} violations")


def test_an_inline_script_does_not_run(own: SimpleNamespace, server: str, window: Chromium) -> None:
    """What would happen if somebody found a place where the admin does not escape."""
    log_in(window, server, own.user)
    window.open(f"{server}/admin/")
    window.evaluate(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        "document.body.append(s);"
        "document.body.insertAdjacentHTML('beforeend', '<img src=/x onerror=\"window.ran = 1\">')"
    )
    window.evaluate("new Promise(go => setTimeout(go, 200))")
    assert window.evaluate("typeof window.ran") == "undefined"
    assert window.complaints_of_policy > 0
