"""Owners find people and their ids, and let them in again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from otms.accounts.models import AuditEntry, Platform, Session, User
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db
PASSWORD = "a long and quiet word"


@pytest.fixture
def bob(platform: Platform) -> User:
    return make.UserFactory(  # type: ignore[no-any-return]
        platform=platform,
        username="bob@example.com",
        email="bob@example.com",
        first_name="Bob",
        last_name="Jones",
        role="support",
        password=PASSWORD,
    )


def names(answer: Any) -> list[str]:
    return [each["username"] for each in answer["users"]]


def test_people_are_listed_by_name(api: Api, user: User, bob: User) -> None:
    make.UserFactory(username="foreign")
    found = api.ok("GET", "users/0/10")
    assert names(found) == sorted([user.username, bob.username])
    assert found["totalResults"] == 2
    (row,) = [each for each in found["users"] if each["id"] == str(bob.pk)]
    assert row == {
        "id": str(bob.pk),
        "username": "bob@example.com",
        "primaryPlatformId": str(bob.platform_id),
        "email": "bob@example.com",
        "firstName": "Bob",
        "lastName": "Jones",
        "role": "support",
        "isActive": True,
        "isStaff": False,
        "secondFactor": False,
        "lastSeen": None,
    }
    assert api.ok("GET", "users/1/1")["users"] == found["users"][1:]


def test_a_list_shows_who_has_a_second_factor_and_was_seen(api: Api, platform: Platform) -> None:
    person = make.second_factor(platform).user
    moment = datetime(2026, 3, 22, 10, tzinfo=UTC)
    for at in (moment, moment - timedelta(days=2), None):
        session = make.session(user=person)
        Session.objects.of(platform).filter(pk=session.pk).update(last_used_at=at)
    (row,) = api.ok("POST", "users/0/10", {"id": str(person.pk)})["users"]
    assert row["secondFactor"] is True
    assert datetime.fromisoformat(row["lastSeen"]) == moment


@pytest.mark.parametrize(
    ("example", "found"),
    [
        ({"email": "BOB@example.com"}, True),
        ({"username": "Bob@example.com", "role": "support", "isActive": True}, True),
        ({"firstName": "bob", "lastName": "JONES"}, True),
        ({"isActive": False}, False),
        ({"role": "read-only"}, False),
        ({"email": "bob"}, False),
    ],
)
def test_people_are_searched_by_example(api: Api, bob: User, example: Any, found: bool) -> None:
    answer = api.ok("POST", "users/0/10", example)
    assert names(answer) == ([bob.username] if found else [])


def test_an_example_that_makes_no_sense_is_named(api: Api, bob: User) -> None:
    assert "Choose one of owner" in api.refused("POST", "users/0/10", {"role": "boss"})["message"]
    assert "'password'" in api.refused("POST", "users/0/10", {"password": "x"})["message"]


def test_a_person_is_let_in_again(api: Api, bob: User) -> None:
    login = {"username": bob.username, "password": PASSWORD}
    api.ok("POST", f"user/block/{bob.pk}")
    Api().refused("POST", "user/login", login, code=401)
    answer = api.ok("POST", f"user/unblock/{bob.pk}")
    assert answer["user"] == {"id": str(bob.pk), "username": bob.username}
    Api().ok("POST", "user/login", login)
    api.ok("POST", f"user/unblock/{bob.pk}")
    assert AuditEntry.objects.of(bob.platform).filter(action="unblock:user").count() == 1


def test_a_person_may_try_again_at_once(api: Api, bob: User) -> None:
    login = {"username": bob.username, "password": PASSWORD}
    for _ in range(10):
        Api().refused("POST", "user/login", {**login, "password": "wrong"}, code=401)
    Api().refused("POST", "user/login", login, code=429)
    api.ok("POST", f"user/unlock/{bob.pk}")
    Api().ok("POST", "user/login", login)


def test_nobody_lets_in_who_may_more_or_is_another_platforms(bob: User, platform: Platform) -> None:
    helper = make.UserFactory(platform=platform, role="", may=("unblock:user", "unlock:user"))
    foreign = make.UserFactory()
    for call in ("unblock", "unlock"):
        Api(make.token(helper)).refused("POST", f"user/{call}/{bob.pk}", code=403)
        Api(make.token(helper)).refused("POST", f"user/{call}/{foreign.pk}", code=404)
