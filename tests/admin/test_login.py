"""The admin's login: as many guesses as the API's, counted together."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.admin.conftest import staff, without_tags
from tests.conftest import Api

LOGIN = "/admin/login/"
WAIT = "Too many failed logins with this name or from your address. Wait "
PASSWORD = "a long and quiet word"


@pytest.fixture
def clerk(own: SimpleNamespace) -> Any:
    return staff(own.platform, username="clerk", password=PASSWORD)


def attempt(username: str, password: str, **where: str) -> Any:
    typed = {"username": username, "password": password}
    return Client().post(f"{LOGIN}?next=/admin/", typed, **where)


def test_logging_in_again_and_again_is_slowed_down(clerk: Any) -> None:
    for _ in range(10):
        answer = attempt("clerk", "wrong")
        assert answer.status_code == 200
        assert WAIT not in answer.content.decode()
    for password in (PASSWORD, "wrong"):
        answer = attempt("clerk", password)
        assert answer.status_code == 429
        assert 890 < int(answer["Retry-After"]) <= 900
        said = without_tags(answer.content.decode())
        assert f"{WAIT}15 minutes, then try again." in said
        assert "_auth_user_id" not in answer.client.session
    assert attempt("clerk", PASSWORD, REMOTE_ADDR="10.1.1.1").status_code == 302
    page = Client().get(LOGIN)
    assert page.status_code == 200
    assert WAIT not in page.content.decode()


def test_the_api_and_the_admin_count_together(clerk: Any, stranger: Api) -> None:
    wrong = {"username": "clerk", "password": "wrong"}
    for _ in range(5):
        stranger.refused("POST", "user/login", wrong, code=401)
        assert attempt("clerk", "wrong").status_code == 200
    assert attempt("clerk", PASSWORD).status_code == 429
    stranger.refused("POST", "user/login", wrong, code=429)


def test_who_logs_in_is_not_slowed_down(clerk: Any) -> None:
    for _ in range(9):
        attempt("clerk", "wrong")
    for _ in range(12):
        answer = attempt("clerk", PASSWORD)
        assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert attempt("clerk", "wrong").status_code == 200
    assert attempt("clerk", "wrong").status_code == 429


def test_the_answer_does_not_tell_who_has_an_account(own: SimpleNamespace, clerk: Any) -> None:
    """Only who knows the password of somebody without access to the admin is told so."""
    staff(own.platform, username="gone", password=PASSWORD, is_active=False)
    visitor = staff(own.platform, username="visitor", password=PASSWORD)
    visitor.is_staff = False
    visitor.save()
    answers = [
        attempt(name, password)
        for name, password in (
            ("clerk", "wrong"),
            ("gone", PASSWORD),
            ("visitor", "wrong"),
            ("nobody", "wrong"),
        )
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert len({str(answer.context["form"].non_field_errors()) for answer in answers}) == 1
    told = attempt("visitor", PASSWORD).context["form"].non_field_errors()
    assert "no access to the admin" in str(told)
    for _ in range(9):
        assert attempt("visitor", "wrong").status_code == 200
    assert attempt("visitor", PASSWORD).status_code == 429


def test_the_way_to_the_login_is_the_same_as_ever(clerk: Any, browser: Any) -> None:
    assert reverse("admin:login") == LOGIN
    queue = reverse("admin:integrations_integrationobject_changelist")
    assert Client().get(queue)["Location"] == f"{LOGIN}?next={queue}"
    assert browser.client.get(LOGIN)["Location"] == "/admin/"
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(LOGIN, {"username": "clerk", "password": PASSWORD}).status_code == 403
