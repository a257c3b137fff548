"""What pages say to people: short names, groups in words, and lists that are empty."""

from types import SimpleNamespace

import pytest
from django.urls import reverse

from otms.accounts.device import in_short
from otms.accounts.models import PersonalToken, Session
from tests.admin.conftest import Browser, without_tags

SESSIONS = "admin:accounts_session_changelist"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (f"{AGENT}Chrome/126.0 Safari/537.36", "Chrome on Linux"),
        (f"{AGENT}Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; rv:127.0) Gecko/2010 Firefox/127.0", "Firefox on Windows"),
        ("Mozilla/5.0 (iPhone; CPU like Mac OS X) Version/17 Safari/604", "Safari on iPhone"),
        ("Mozilla/5.0 (something)", "a browser"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", ""),
    ],
)
def test_a_device_is_told_in_short(said: str, words: str) -> None:
    assert in_short(said) == words


def test_a_session_is_shown_with_its_device_in_short_and_no_red_cross(
    own: SimpleNamespace, browser: Browser
) -> None:
    Session.objects.of(own.platform).filter(pk=own.session.pk).update(device=f"{AGENT}Chrome/126.0")
    page = browser.html(reverse(SESSIONS))
    assert ">Chrome on Linux<" in page
    assert "API" in page
    assert "Api" not in without_tags(page)
    assert page.count(">close<") == browser.html(reverse("admin:index")).count(">close<")


def test_an_empty_list_says_what_would_be_there(own: SimpleNamespace, browser: Browser) -> None:
    own.email.delete()
    page = browser.html(reverse("admin:integrations_email_changelist"))
    assert "Mails that came in would be here" in page
    assert "Show all" not in page
    page = browser.html(reverse("admin:integrations_email_changelist") + "?q=nowhere")
    assert "Nothing fits" in page
    assert "Show all" in page


def test_the_calls_of_a_new_token_are_grouped_and_told_in_words(browser: Browser) -> None:
    page = browser.html(reverse("admin:accounts_personaltoken_new"))
    assert "<legend" in page
    assert "One integration, with its health" in page
    assert 'value="get:integration"' in page


def test_a_token_is_revoked_on_its_page(own: SimpleNamespace, browser: Browser) -> None:
    page = reverse("admin:accounts_personaltoken_change", args=[own.token.pk])
    revoke = reverse("admin:accounts_personaltoken_revoke_this", args=[own.token.pk])
    assert revoke in browser.html(page)
    assert "Revoke it" in browser.html(revoke)
    browser.client.post(revoke)
    assert PersonalToken.objects.of(own.platform).get(pk=own.token.pk).revoked_at
    assert revoke not in browser.html(page)


def test_the_form_of_a_person_has_our_words(own: SimpleNamespace, browser: Browser) -> None:
    pages = (
        browser.html(reverse("admin:accounts_user_add")),
        browser.html(reverse("admin:accounts_user_change", args=[own.user.pk])),
    )
    for page in pages:
        for theirs in ("LDAP", "Designates", "algorithm", "authentication:"):
            assert theirs not in page
    assert "Opens the admin" in pages[1]


def test_the_two_names_of_a_webhook_are_told_apart(own: SimpleNamespace, browser: Browser) -> None:
    page = browser.html(reverse("admin:integrations_integration_change", args=[own.integration.pk]))
    assert "Name of the header or parameter" in page
