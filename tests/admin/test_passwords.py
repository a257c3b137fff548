"""Who forgot the password: a link by mail, or from somebody who may change them."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail
from django.test import Client
from django.urls import reverse

from otms.accounts import passwords
from otms.accounts.models import User
from tests.admin.conftest import Browser, staff, without_tags

ASK = "/admin/password_reset/"
OLD, NEW = "a long and quiet word", "quite another word"


@pytest.fixture
def mailed(settings: LazySettings) -> Any:
    settings.EMAIL_HOST = "mail.example.com"
    settings.DEFAULT_FROM_EMAIL = "otms@example.com"
    return mail.outbox


def ask(email: str, **where: Any) -> Any:
    answer = Client().post(ASK, {"email": email}, follow=True, **where)
    passwords.MAILER.submit(lambda: None).result()  # what was to be sent is sent
    return answer


def link_in(text: str) -> str:
    found = re.search(r"http://testserver(/admin/reset/[^\s<]+)", text)
    assert found, text
    return found[1]


@pytest.mark.django_db(transaction=True)
def test_who_forgot_gets_a_link_by_mail(own: SimpleNamespace, mailed: Any) -> None:
    staff(own.platform, username="ann", email="Ann@example.com", password=OLD)
    answer = ask("ann@EXAMPLE.com")
    assert "if there is an account" in without_tags(answer.content.decode()).lower()
    (sent,) = mailed
    assert (sent.to, sent.from_email) == (["Ann@example.com"], "otms@example.com")
    client = Client()
    page = client.get(link_in(sent.body), follow=True)
    assert page.request["PATH_INFO"].endswith("/set-password/")  # the token is in no log
    refused = client.post(page.request["PATH_INFO"], {"new_password1": "x", "new_password2": "y"})
    assert "match" in without_tags(refused.content.decode())
    typed = {"new_password1": NEW, "new_password2": NEW}
    assert client.post(page.request["PATH_INFO"], typed).status_code == 302
    assert User.objects.get(username="ann").check_password(NEW)
    assert "does not work" in Client().get(link_in(sent.body), follow=True).content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_answer_does_not_tell_who_has_an_account(own: SimpleNamespace, mailed: Any) -> None:
    staff(own.platform, username="ann", email="ann@example.com", password=OLD)
    staff(own.platform, username="gone", email="gone@example.com", password=OLD, is_active=False)
    staff(own.platform, username="new", email="new@example.com")  # no password yet
    asked = ["ann@example.com", "gone@example.com", "new@example.com", "nobody@example.com"]
    answers = [ask(email) for email in asked]
    assert len({answer.content for answer in answers}) == 1
    assert {answer.redirect_chain[0] for answer in answers} == {(f"{ASK}done/", 302)}
    assert [sent.to for sent in mailed] == [["ann@example.com"]]


@pytest.mark.django_db(transaction=True)
def test_a_mail_that_can_not_be_sent_changes_no_answer(
    own: SimpleNamespace, mailed: Any, settings: LazySettings, caplog: Any
) -> None:
    staff(own.platform, username="ann", email="ann@example.com", password=OLD)
    known = ask("nobody@example.com")
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert ask("ann@example.com").content == known.content
    assert "a link could not be mailed" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_no_mail_leads_to_where_the_one_who_asks_says(
    own: SimpleNamespace, mailed: Any, settings: LazySettings, caplog: Any
) -> None:
    staff(own.platform, username="ann", email="ann@example.com", password=OLD)
    settings.ALLOWED_HOSTS = ["*"]
    assert ask("ann@example.com", HTTP_HOST="evil.example").status_code == 200
    assert mailed == []
    assert "Set OTMS_PUBLIC_URL" in caplog.text
    settings.ALLOWED_HOSTS = ["otms.example.com", ".example"]
    ask("ann@example.com", HTTP_HOST="evil.example")
    ask("ann@example.com", HTTP_HOST="otms.example.com")
    for sent in mailed:
        assert re.search(r"https?://otms\.example\.com/admin/reset/", sent.body)
        assert "evil" not in sent.body
    assert len(mailed) == 2


@pytest.mark.django_db(transaction=True)
def test_asking_again_and_again_is_slowed_down(own: SimpleNamespace, mailed: Any) -> None:
    staff(own.platform, username="ann", email="ann@example.com", password=OLD)
    for _ in range(5):
        assert ask("ann@example.com").status_code == 200
    answer = ask("ann@example.com")
    assert answer.status_code == 429
    assert 3590 < int(answer["Retry-After"]) <= 3600
    assert "Try again in 60 minutes." in answer.content.decode()
    assert len(mailed) == 5
    assert ask("ann@example.com", REMOTE_ADDR="10.1.1.1").status_code == 200


def test_without_mail_the_page_says_who_can_help(own: SimpleNamespace) -> None:
    page = Client().get(ASK)
    said = without_tags(page.content.decode())
    assert "an owner of your platform" in said
    assert 'name="email"' not in page.content.decode()
    assert Client().post(ASK, {"email": own.user.email}).status_code == 200
    assert mail.outbox == []
    assert ASK in Client().get("/admin/login/").content.decode()


def test_an_administrator_makes_a_link(own: SimpleNamespace, browser: Browser) -> None:
    ann = staff(own.platform, username="ann")
    page = reverse("admin:accounts_user_password_link", args=[ann.pk])
    assert page in browser.html(reverse("admin:accounts_user_change", args=[ann.pk]))
    asked = browser.client.get(page)
    assert "/admin/reset/" not in asked.content.decode()
    made = browser.client.post(page)
    assert "no-store" in made["Cache-Control"]
    answer = Client().get(link_in(made.content.decode()), follow=True)
    assert "New password" in answer.content.decode()
    assert "/admin/reset/" not in browser.client.get(page).content.decode()
    history = browser.html(reverse("admin:accounts_user_history", args=[ann.pk]))
    assert "create:user:passwordLink" in history


def test_a_link_is_not_made_for_who_may_more_or_stays_out(
    own: SimpleNamespace, foreign: SimpleNamespace
) -> None:
    clerk = staff(own.platform, username="clerk", may=("get:user", "update:user"))
    looker = staff(own.platform, username="looker", may=("get:user",))
    gone = staff(own.platform, username="gone", role="", is_active=False)
    for who, whom, code in (
        (clerk, own.user, 403),
        (clerk, foreign.user, 404),
        (looker, looker, 403),
        (clerk, gone, 200),
        (clerk, clerk, 200),
    ):
        page = reverse("admin:accounts_user_password_link", args=[whom.pk])
        answer = Browser(who).client.post(page)
        assert answer.status_code == code, (who, whom)
        made = b"/admin/reset/" in answer.content
        assert made == (whom == clerk)
