"""A person whose login somebody else changed is out, and hears of it."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from otms.accounts import notices
from otms.accounts.access import access_token
from otms.accounts.models import Platform, SecondFactor, User
from tests import make
from tests.conftest import Api
from tests.login.conftest import PASSWORD, Clock, whole

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "transportOrders/0/1"


@pytest.fixture
def anna(anna: User, settings: LazySettings) -> User:
    settings.EMAIL_HOST = "mail.example.com"
    settings.OTMS_PUBLIC_URL = "https://otms.example.com"
    anna.email = "anna@example.com"
    anna.save()
    return anna


@pytest.fixture
def owner(platform: Platform) -> User:
    return make.UserFactory(  # type: ignore[no-any-return]
        platform=platform, username="owner", password=PASSWORD, is_staff=True
    )


def subjects() -> list[str]:
    notices.MAILER.submit(lambda: None).result()  # what was to be sent is sent
    assert all(each.to == ["anna@example.com"] for each in mail.outbox)
    return [each.subject for each in mail.outbox]


def by_api(owner: User, anna: User) -> None:
    Api(access_token(make.session(user=owner))).ok("DELETE", f"user/{anna.pk}/secondFactor")


def by_page(owner: User, anna: User) -> None:
    client = Client()
    client.force_login(owner)
    client.post(reverse("admin:accounts_user_login_safety", args=[anna.pk]), {"step": "remove"})


def by_command(owner: User, anna: User) -> None:
    call_command("removesecondfactor", "anna")


@pytest.mark.parametrize("removed", [by_api, by_page, by_command])
def test_whose_second_factor_was_removed_is_logged_out_and_told(
    anna: User, owner: User, factor: SecondFactor, clock: Clock, removed: Any
) -> None:
    caller = Api(whole(factor, clock)["access_token"])
    caller.ok("GET", LIST)
    removed(owner, anna)
    assert SecondFactor.of(anna) is None
    caller.refused("GET", LIST, code=401)
    assert subjects() == ["Your second factor for OTMS was turned off"]
    assert "of anna at https://otms.example.com" in mail.outbox[0].body


def test_who_turns_off_their_own_stays_logged_in_and_is_told_nothing(
    anna: User, factor: SecondFactor, clock: Clock
) -> None:
    caller = Api(whole(factor, clock)["access_token"])
    body = {"password": PASSWORD, "otp": clock.next_code(factor)}
    caller.ok("POST", "user/secondFactor/remove", body)
    caller.ok("GET", LIST)
    assert subjects() == []


def test_who_is_logged_out_everywhere_is_told(anna: User, settings: LazySettings) -> None:
    anna.end_sessions()
    assert subjects() == ["You were logged out of OTMS"]
    settings.EMAIL_HOST = ""
    anna.end_sessions()
    assert len(subjects()) == 1


def test_the_list_of_people_shows_who_has_a_second_factor(
    anna: User, owner: User, factor: SecondFactor
) -> None:
    client = Client()
    client.force_login(owner)
    page = client.get("/admin/accounts/user/").content.decode()
    assert "Second factor" in page
    shown = {each.username: each.factor_since is not None for each in _rows(client)}
    assert shown["anna"] is True
    assert shown["owner"] is False


def _rows(client: Client) -> Any:
    return client.get("/admin/accounts/user/").context["cl"].result_list
