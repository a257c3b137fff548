"""Staff set up who is told, try it, and see what was told to whom."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from integrations.models import Alert, AlertRecipient
from tests.admin.conftest import SECRET, Browser, errors, staff, told
from tests.sink import Sink

pytestmark = pytest.mark.django_db


def where(page: str, *args: Any, of: str = "alertrecipient") -> str:
    return reverse(f"admin:integrations_{of}_{page}", args=args)


def fresh(own: SimpleNamespace) -> AlertRecipient:
    return AlertRecipient.objects.of(own.platform).get(pk=own.recipient.pk)


def test_a_mailbox_is_added(own: SimpleNamespace, browser: Browser, mail_server: None) -> None:
    browser.saved(where("add"), name="On call", email="ann@example.com")
    made = AlertRecipient.objects.of(own.platform).get(name="On call")
    assert (made.email, made.integration, made.enabled) == ("ann@example.com", None, True)


def test_where_there_is_no_mail_server_no_mailbox_is_added(
    own: SimpleNamespace, browser: Browser
) -> None:
    answer = browser.send(where("add"), name="On call", email="ann@example.com")
    assert "EMAIL_URL" in str(errors(answer)["email"])
    assert not AlertRecipient.objects.of(own.platform).filter(name="On call").exists()


@pytest.mark.parametrize(
    ("typed", "field", "says"),
    [
        ({"email": "", "url": ""}, "email", "one of them"),
        ({"email": "ann@example.com"}, "email", "one of them"),
        ({"url": "https://10.0.0.1/"}, "url", "10.0.0.1"),
        ({"url": "https://127.0.0.9/"}, "secret", "type the secret again"),
        ({"secret": "whsec_?"}, "secret", "base64"),
    ],
)
def test_what_is_wrong_is_said_in_place(
    own: SimpleNamespace, browser: Browser, typed: dict[str, str], field: str, says: str
) -> None:
    answer = browser.send(where("change", own.recipient.pk), **typed)
    assert says in str(errors(answer)[field])
    assert dict(fresh(own).secrets) == {"secret": SECRET}


def test_an_empty_secret_keeps_the_stored_one(own: SimpleNamespace, browser: Browser) -> None:
    page = where("change", own.recipient.pk)
    assert SECRET not in browser.html(page)
    browser.saved(page, name="Another")
    assert (fresh(own).name, dict(fresh(own).secrets)) == ("Another", {"secret": SECRET})
    browser.saved(page, unsigned="on")
    assert dict(fresh(own).secrets) == {}


def test_a_test_is_sent_from_the_list(own: SimpleNamespace, browser: Browser, sink: Sink) -> None:
    sink.reset()
    AlertRecipient.objects.of(own.platform).update(url=sink.url())
    bad = AlertRecipient.objects.create(platform=own.platform, url=sink.url("/status/404"))
    chosen = {"action": "send_test", "_selected_action": [str(own.recipient.pk), str(bad.pk)]}
    answer = browser.client.post(where("changelist"), chosen, follow=True)
    assert "a test was sent. It answered 200." in told(answer)
    assert "answered 404" in told(answer)
    assert {each.json()["type"] for each in sink.requests} == {"alert.test"}


def test_who_may_only_look_sees_no_form(own: SimpleNamespace) -> None:
    looker = Browser(staff(own.platform, role="read-only"))
    html = looker.html(where("change", own.recipient.pk))
    assert 'name="url"' not in html
    assert "send_test" not in looker.html(where("changelist"))


def test_an_alert_says_who_was_told(own: SimpleNamespace, browser: Browser) -> None:
    (notice,) = own.alert.notices.all()
    notice.fail("It was refused.")
    html = browser.html(where("change", own.alert.pk, of="alert"))
    assert "own-recipient" in html
    assert "It was refused." in html
    assert "1 waiting" in browser.html(where("changelist", of="alert"))
    assert Alert.objects.of(own.platform).count() == 1


@pytest.mark.parametrize("sent", [True, False])
def test_when_somebody_was_told_is_read_as_a_time(
    own: SimpleNamespace, browser: Browser, sent: bool
) -> None:
    (notice,) = own.alert.notices.all()
    if sent:
        notice.succeed()
    else:
        notice.fail("It said <b>no</b>.")
    html = browser.html(where("change", own.alert.pk, of="alert"))
    (row,) = re.findall(r"<li>(own-recipient.*?)</li>", html, re.DOTALL)
    time = r"<span[^<>]*>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d</span>"
    became = f"sent {time}" if sent else f"is tried again {time}: It said &lt;b&gt;no&lt;/b&gt;."
    assert re.search(rf": {became}$", row), row
