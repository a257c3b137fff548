"""The code comes before the admin, whatever way leads there."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from otms.accounts import passwords
from otms.accounts.models import (
    SecondFactor,
    Session,
    User,
)
from tests.login.admin.browsing import (
    CODE,
    INDEX,
    LOGIN,
    NEW,
    OWN,
    QUEUE,
    entered,
    newest,
    password,
    text,
)
from tests.login.conftest import PASSWORD, Clock, attempt

pytestmark = pytest.mark.django_db


def test_the_code_comes_before_the_admin(factor: SecondFactor, anna: User, clock: Clock) -> None:
    client = Client()
    answer = password(client, to=QUEUE)
    assert (answer.status_code, answer["Location"]) == (
        302,
        f"{CODE}?next=%2Fadmin%2Fintegrations%2Fintegrationobject%2F",
    )
    assert "six digits" in text(client.get(answer["Location"]))
    assert not Session.objects.of(anna.platform).exists()
    wrong = client.post(answer["Location"], {"code": "000000"})
    assert "The code is wrong or was used before" in text(wrong)
    assert not entered(client)
    right = client.post(answer["Location"], {"code": clock.next_code(factor)})
    assert (right.status_code, right["Location"]) == (302, QUEUE)
    assert client.get(QUEUE).status_code == 200
    session = newest(anna)
    assert (session.kind, session.passed_two_factor_authentication) == ("admin", True)
    assert not session.awaits_code
    again = Client()
    password(again)
    assert "wrong" in text(again.post(CODE, {"code": clock.code(factor)}))  # used


def test_no_address_leads_around_the_code(factor: SecondFactor, anna: User) -> None:
    client = Client()
    password(client)
    pages = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    ]
    own = [INDEX, OWN, "/admin/password_change/", "/admin/jsi18n/", "/admin/autocomplete/"]
    own += [
        "/admin/accounts/personaltoken/new/",
        reverse("admin:accounts_user_login_safety", args=[anna.pk]),
    ]
    for page in (*pages, *own):
        for answer in (
            client.get(page),
            client.post(page, {"step": "begin", "password": PASSWORD}),
        ):
            assert answer.status_code == 302, page
            assert answer["Location"].startswith(LOGIN), page


def test_whatever_else_logs_a_browser_in_awaits_the_code(factor: SecondFactor, anna: User) -> None:
    client = Client()
    client.force_login(anna)
    assert newest(anna).awaits_code
    assert not entered(client)
    assert "_auth_user_id" not in client.session


def test_a_new_password_by_mail_does_not_spare_the_code(
    factor: SecondFactor, anna: User, clock: Clock
) -> None:
    client = Client()
    page = client.get(passwords.link(anna, ""), follow=True).request["PATH_INFO"]
    typed = {"new_password1": NEW, "new_password2": NEW}
    assert client.post(page, typed).status_code == 302
    assert not entered(client)
    assert password(client, secret=NEW)["Location"].startswith(CODE)
    assert not entered(client)
    client.post(CODE, {"code": clock.next_code(factor)})
    assert entered(client)


def test_the_second_step_does_not_wait_for_ever(
    factor: SecondFactor, anna: User, clock: Clock
) -> None:
    late, changed, gone = Client(), Client(), Client()
    for client in (late, changed, gone):
        password(client)
    session = late.session
    session["otms_half"] = {**session["otms_half"], "until": now().timestamp() - 1}
    session.save()
    code = clock.next_code(factor)
    assert late.post(CODE, {"code": code})["Location"] == LOGIN
    anna.set_password(NEW)
    anna.save()
    assert changed.post(CODE, {"code": code})["Location"] == LOGIN
    password(gone, secret=NEW)
    User.objects.filter(pk=anna.pk).update(is_active=False)
    assert gone.post(CODE, {"code": code})["Location"] == LOGIN
    assert Client().get(CODE)["Location"] == LOGIN


def test_the_second_step_leads_to_no_other_server(
    factor: SecondFactor, anna: User, clock: Clock
) -> None:
    client = Client()
    password(client, to="https://evil.example/")
    answer = client.post(f"{CODE}?next=https://evil.example/", {"code": clock.next_code(factor)})
    assert answer["Location"] == INDEX


def test_guesses_at_the_code_count_with_those_of_the_api(
    factor: SecondFactor, anna: User, clock: Clock
) -> None:
    client = Client()
    password(client)
    for _ in range(5):
        assert client.post(CODE, {"code": "000000"}).status_code == 200
        assert attempt("anna", "wrong").status_code == 401
    answer = client.post(CODE, {"code": clock.next_code(factor)})
    assert answer.status_code == 429
    assert 890 < int(answer["Retry-After"]) <= 900
    assert "Too many failed logins" in text(answer)
    assert not entered(client)
