"""The first page of the admin says what fails, and each thing once."""

import re
from types import SimpleNamespace

import pytest
from django.urls import reverse

from integrations.admin.links import page_of
from integrations.models import IntegrationObject, Status
from tests import make
from tests.admin.conftest import Browser, queued, without_tags

pytestmark = pytest.mark.django_db


def troubles(browser: Browser) -> list[str]:
    """The lines of the newest troubles, as they are read."""
    html = browser.html(reverse("admin:index"))
    section = html.partition("Newest troubles")[2].partition("</section>")[0]
    return [
        " ".join(without_tags(line).split())
        for line in re.findall(r"<tr.*?</tr>", section, re.DOTALL)
    ]


def test_what_fails_alike_is_one_line(own: SimpleNamespace, browser: Browser) -> None:
    own.row.delete()

    def fails(error: str, n: int) -> IntegrationObject:
        for place in range(n):
            order = make.OrderFactory(platform=own.platform, name=f"{error}{place}")
            row = queued(own.integration, order, status=Status.RETRY, error=f"It {error}.")
        return row

    newest = fails("is down", 12)
    theirs = fails("is down", 1)
    fails("is full", 2)
    theirs.integration = make.integration(platform=own.platform, name="another")
    theirs.save()
    full, elsewhere, down = troubles(browser)
    assert "RETRY is full1 and 1 other own-integration It is full." in full
    assert "RETRY is down0 another It is down." in elsewhere
    assert down.startswith(f"{newest.created_at:%Y-%m-%d %H:%M}")
    assert "RETRY is down11 and 11 others own-integration It is down." in down
    html = browser.html(reverse("admin:index"))
    (address,) = re.findall(r'href="([^"]*)">11 others', html)
    listed = browser.html(address.replace("&amp;", "&"))
    assert page_of(newest) in listed
    assert page_of(theirs) not in listed


def test_what_a_replay_delivered_is_trouble_no_more(own: SimpleNamespace, browser: Browser) -> None:
    home = reverse("admin:index")
    listed = reverse("admin:integrations_integrationobject_changelist")
    assert "own-error" in troubles(browser)[0]
    anew = queued(own.integration, own.order, status=Status.ERROR, due_at=None, error="own-error")
    anew.replay_of = own.row
    anew.save()
    assert "delivered by a replay" not in browser.html(home)
    assert "A replay of it was delivered." not in browser.html(listed)
    anew.status = Status.SUCCESS
    anew.save()
    assert troubles(browser) == ["None: nothing stays failed, nothing waits to be tried again."]
    assert "failed, 1 delivered by a replay" in without_tags(browser.html(home))
    assert browser.html(listed).count("A replay of it was delivered.") == 1


def test_a_replay_that_failed_is_trouble_no_more_when_a_later_one_is_delivered(
    own: SimpleNamespace, browser: Browser
) -> None:
    first, second = [
        queued(
            own.integration,
            own.order,
            change=own.row.change,
            status=Status.ERROR,
            due_at=None,
            error="own-error",
        )
        for _ in range(2)
    ]
    first.replay_of = second.replay_of = own.row
    first.save()
    second.save()
    assert "own-error" in troubles(browser)[0]
    second.status = Status.SUCCESS
    second.save()
    assert troubles(browser) == ["None: nothing stays failed, nothing waits to be tried again."]
