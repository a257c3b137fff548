"""A person turns the second factor on and off in the admin; another helps who lost theirs."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from otms.accounts.models import (
    AuditEntry,
    FailedTries,
    Platform,
    SecondFactor,
    User,
)
from otms.accounts.second_factor import RECOVERY_CODES
from tests import make
from tests.login.admin.browsing import (
    INDEX,
    OWN,
    QUEUE,
    entered,
    logged_in,
    password,
    text,
)
from tests.login.conftest import PASSWORD, Clock, attempt

pytestmark = pytest.mark.django_db


def test_turning_it_on_takes_the_password_and_a_code(anna: User, clock: Clock) -> None:
    other, client = logged_in(), logged_in()
    assert "Off: the password alone lets you in" in text(client.get(OWN))
    assert "is wrong" in text(client.post(OWN, {"step": "begin", "password": "wrong"}))
    assert client.post(OWN, {"step": "confirm", "code": "000000"}).status_code == 302
    page = client.post(OWN, {"step": "begin", "password": PASSWORD})
    begun = SecondFactor.objects.of(anna.platform).get()
    assert "no-store" in page["Cache-Control"]
    assert begun.secret in text(page).replace(" ", "")
    (picture,) = re.findall(r"<svg.*?</svg>", page.content.decode(), re.DOTALL)
    assert "script" not in picture
    assert "style=" not in picture
    # Another browser of the same person has not shown the password for this secret.
    assert other.post(OWN, {"step": "confirm", "code": "000000"}).status_code == 302
    assert "is wrong" in text(client.post(OWN, {"step": "confirm", "code": "000000"}))
    shown = client.post(OWN, {"step": "confirm", "code": clock.code(begun)})
    codes = re.findall(r"\b[2-9a-z]{4}(?:-[2-9a-z]{4}){3}\b", text(shown))
    assert len(codes) == RECOVERY_CODES
    assert "no-store" in shown["Cache-Control"]
    assert entered(client)
    assert not entered(other)
    after = text(client.get(OWN))
    assert "On since" in after
    assert "10 recovery codes left" in after
    assert codes[0] not in after
    assert begun.secret not in after.replace(" ", "")


def test_turning_it_off_takes_the_password_and_a_code(
    factor: SecondFactor, anna: User, clock: Clock
) -> None:
    client = logged_in(factor, clock)
    code = clock.next_code(factor)
    for step in ("renew", "remove"):
        for shown in ({"password": "wrong", "code": code}, {"password": PASSWORD, "code": "0"}):
            assert "is wrong" in text(client.post(OWN, {"step": step, **shown}))
    renewed = client.post(OWN, {"step": "renew", "password": PASSWORD, "code": code})
    assert "never shown again" in text(renewed)
    code = clock.next_code(factor)
    client.post(OWN, {"step": "remove", "password": PASSWORD, "code": code})
    assert not SecondFactor.objects.of(anna.platform).exists()
    assert password(Client())["Location"] == INDEX


def test_a_server_that_wants_one_shows_nothing_before(
    anna: User, clock: Clock, settings: LazySettings
) -> None:
    settings.OTMS_REQUIRE_SECOND_FACTOR = "staff"
    client = Client()
    password(client)
    for page in (INDEX, QUEUE, "/admin/password_change/", "/admin/accounts/personaltoken/new/"):
        for answer in (client.get(page), client.post(page)):
            assert (answer.status_code, answer["Location"]) == (302, OWN), page
    assert "wants a second factor" in text(client.get(OWN))
    client.post(OWN, {"step": "begin", "password": PASSWORD})
    begun = SecondFactor.objects.of(anna.platform).get()
    client.post(OWN, {"step": "confirm", "code": clock.code(begun)})
    assert entered(client)
    assert client.post("/admin/logout/").status_code == 200


@pytest.fixture
def office(platform: Platform) -> SimpleNamespace:
    """A clerk who may change people, and one who may look."""
    found = {}
    helps = ["get:user", "update:user", "delete:user:secondFactor"]
    for name, may in (("clerk", helps), ("halfway", helps[:2]), ("looker", helps[:1])):
        person = make.UserFactory(platform=platform, is_staff=True, may=may)
        found[name] = Client()
        found[name].force_login(person)
    return SimpleNamespace(**found)


def test_an_administrator_helps_who_can_not_log_in(
    factor: SecondFactor, anna: User, office: SimpleNamespace
) -> None:
    page = reverse("admin:accounts_user_login_safety", args=[anna.pk])
    for client in (office.clerk, office.looker):  # anna may more
        assert client.get(page).status_code == 403
        assert client.post(page, {"step": "remove"}).status_code == 403
    make.UserFactory(platform=anna.platform)
    anna.set_role("")
    assert office.halfway.post(page, {"step": "remove"}).status_code == 403
    assert office.halfway.post(page, {"step": "end"}).status_code == 403
    assert office.looker.post(page, {"step": "remove"}).status_code == 403
    for _ in range(10):
        attempt("anna", "wrong")
    shown = text(office.clerk.get(page))
    assert "On since" in shown
    assert "locked until" in shown
    office.clerk.post(page, {"step": "unlock"})
    assert attempt("anna", PASSWORD).json()["session"]["refresh_token"] is None
    office.clerk.post(page, {"step": "remove"})
    assert attempt("anna", PASSWORD).json()["session"]["refresh_token"]
    assert not SecondFactor.objects.of(anna.platform).exists()
    assert not FailedTries.objects.exclude(name_key="").exists()
    done = AuditEntry.objects.of(anna.platform).about(anna).values_list("action", flat=True)
    assert {"unlock:user", "delete:user:secondFactor", "lock:user"} <= set(done)


def test_nobody_takes_their_own_without_a_code(
    factor: SecondFactor, anna: User, clock: Clock
) -> None:
    client = logged_in(factor, clock)
    page = reverse("admin:accounts_user_login_safety", args=[anna.pk])
    assert client.post(page, {"step": "remove"}).status_code == 403
    assert SecondFactor.objects.of(anna.platform).exists()


def test_an_operator_takes_it_from_the_last_administrator(
    factor: SecondFactor, anna: User, capsys: Any
) -> None:
    from django.core.management import CommandError, call_command

    with pytest.raises(CommandError, match="nobody"):
        call_command("removesecondfactor", "bert")
    call_command("removesecondfactor", "anna")
    assert "off" in capsys.readouterr().out
    assert password(Client())["Location"] == INDEX
    with pytest.raises(CommandError, match="no second factor"):
        call_command("removesecondfactor", "anna")
