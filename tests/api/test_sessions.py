"""A session is renewed, ended and seen; whoever copied a refresh token ends it for both."""

import logging
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from otms.accounts.models import Platform, Session, SpentRefresh, User
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db
LIST = "transportOrders/0/1"


@pytest.fixture
def user(platform: Platform) -> User:
    return make.UserFactory(platform=platform, username="anna", password="secret")  # type: ignore[no-any-return]


def login(username: str = "anna") -> Any:
    body = {"username": username, "password": "secret"}
    return Api().ok("POST", "user/login", body)["session"]


def refresh(token: str, **expected: int) -> Any:
    body = {"refresh_token": token}
    if expected:
        return Api().refused("POST", "user/refresh", body, **expected)
    return Api().ok("POST", "user/refresh", body)["session"]


def stored(session: Any) -> Any:
    return Session.objects.across_platforms().filter(pk=session["id"])


def spent_long_ago() -> None:
    SpentRefresh.objects.update(spent_at=now() - timedelta(seconds=11))


def test_a_refresh_answers_with_new_tokens_of_the_same_session(user: User) -> None:
    first = login()
    stored(first).update(expires_at=now() - timedelta(days=13))  # the access token is over
    Api(first["access_token"]).refused("GET", LIST, code=401)
    second = refresh(first["refresh_token"])
    assert second.keys() == first.keys()
    assert second["id"] == first["id"]
    assert second["startedAt"] == first["startedAt"]
    for token in ("access_token", "refresh_token"):
        assert second[token] != first[token]
    kept = stored(first).get()
    assert timedelta(hours=23) < kept.expires_at - now() <= timedelta(hours=24)
    assert timedelta(days=13) < kept.refresh_expires_at - now() <= timedelta(days=14)
    Api(second["access_token"]).ok("GET", LIST)
    refresh(second["refresh_token"])


def test_the_access_token_before_is_good_until_its_own_end(user: User) -> None:
    first = login()
    refresh(first["refresh_token"])
    Api(first["access_token"]).ok("GET", LIST)


def test_a_spent_refresh_token_ends_its_session_for_both(
    user: User, caplog: pytest.LogCaptureFixture
) -> None:
    other, first = login(), login()
    second = refresh(first["refresh_token"])
    third = refresh(second["refresh_token"])
    spent_long_ago()
    with caplog.at_level(logging.WARNING):
        refresh(first["refresh_token"], code=401)
    assert first["id"] in caplog.text
    refresh(third["refresh_token"], code=401)
    for each in (first, second, third):
        Api(each["access_token"]).refused("GET", LIST, code=401)
        assert each["refresh_token"] not in caplog.text
    Api(other["access_token"]).ok("GET", LIST)
    ended = stored(first).get().ended_at
    refresh(second["refresh_token"], code=401)
    assert stored(first).get().ended_at == ended


def test_who_asks_twice_at_once_is_told_and_stays_logged_in(user: User) -> None:
    first = login()
    second = refresh(first["refresh_token"])
    assert "go on with" in refresh(first["refresh_token"], code=409)["message"]
    Api(second["access_token"]).ok("GET", LIST)
    refresh(second["refresh_token"])


def test_a_refresh_token_is_good_for_two_weeks_and_a_session_for_ninety_days(user: User) -> None:
    session = login()
    assert session["refreshExpiresAt"] > session["expiresAt"]
    stored(session).update(started_at=now() - timedelta(days=89, hours=12))
    session = refresh(session["refresh_token"])
    kept = stored(session).get()
    assert kept.expires_at == kept.refresh_expires_at
    assert kept.expires_at - now() <= timedelta(hours=12)
    stored(session).update(refresh_expires_at=now())
    refresh(session["refresh_token"], code=401)


def test_what_ends_a_session_ends_its_refresh_token(user: User) -> None:
    first, second = login(), login()
    user.set_password("secret")
    user.save()
    third = login()
    User.objects.filter(pk=user.pk).update(is_active=False)  # not even by save()
    answers = [refresh(each["refresh_token"], code=401) for each in (first, second, third)]
    answers.append(refresh(str(uuid.uuid4()), code=401))
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "refresh_token"),
        ({"refreshToken": "x"}, "refreshToken"),
        ({"refresh_token": ""}, "refresh_token"),
        ({"refresh_token": ["x"]}, "refresh_token"),
        ({"refresh_token": "x" * 256}, "refresh_token"),
    ],
)
def test_a_refresh_that_makes_no_sense_is_refused(body: Any, field: str) -> None:
    found = Api().refused("POST", "user/refresh", body)
    assert [error["field"] for error in found["errors"]] == [field]


def test_refreshing_is_no_guessing(user: User) -> None:
    session = login()
    for _ in range(12):
        session = refresh(session["refresh_token"])
    Api(session["access_token"]).ok("GET", f"user/{user.pk}/sessions/0/10")


def test_no_refresh_token_is_readable_in_the_database(user: User) -> None:
    first = login()
    second = refresh(first["refresh_token"])
    with connection.cursor() as cursor:
        rows = ""
        for table in ("accounts_session", "accounts_spentrefresh"):
            cursor.execute(f"SELECT * FROM {table}")
            rows += str(cursor.fetchall())
    for each in (first, second):
        assert each["refresh_token"] not in rows
        assert each["refresh_token"].replace("-", "") not in rows


def test_logging_out_ends_this_session_and_no_other(user: User) -> None:
    first, second = login(), login()
    shown = Api(first["access_token"]).ok("POST", "user/logout")["session"]
    assert (shown["id"], shown["endedAt"] is not None) == (first["id"], True)
    assert not {"access_token", "refresh_token"} & shown.keys()
    Api(first["access_token"]).refused("POST", "user/logout", code=401)
    refresh(first["refresh_token"], code=401)
    Api(second["access_token"]).ok("GET", LIST)


def test_a_personal_token_has_no_session_to_log_out_of(user: User, credential: Api) -> None:
    caller = Api(make.token(user))
    assert "revoke it" in caller.refused("POST", "user/logout")["message"]
    caller.ok("GET", LIST)
    Api().refused("POST", "user/logout", code=401)
    credential.refused("POST", "user/logout", code=403)


def test_people_see_where_they_are_logged_in(user: User, platform: Platform) -> None:
    make.UserFactory(platform=platform, username="bert", password="secret")
    login("bert")
    first, second = login(), login()
    caller = Api(second["access_token"])
    Api(first["access_token"]).ok("POST", "user/logout")
    found = caller.ok("GET", f"user/{user.pk}/sessions/0/10")
    assert found["totalResults"] == 2
    assert [row["id"] for row in found["sessions"]] == [second["id"], first["id"]]
    newest, before = found["sessions"]
    assert newest["user"] == {"id": str(user.pk), "username": "anna"}
    assert (newest["ip"], newest["device"]) == ("127.0.0.1", "")
    assert newest["primaryPlatformId"] == str(platform.pk)
    assert newest["uuid"] == newest["id"]
    assert newest["endedAt"] is None
    assert before["endedAt"]
    assert not {"access_token", "refresh_token"} & newest.keys()
    page = caller.ok("GET", f"user/{user.pk}/sessions/1/1")
    assert [row["id"] for row in page["sessions"]] == [first["id"]]
    caller.refused("GET", f"user/{user.pk}/sessions/0/0")


def test_others_sessions_are_for_who_may_see_them(user: User, platform: Platform) -> None:
    boss = make.UserFactory(platform=platform, is_superuser=True)
    stranger = make.UserFactory(is_superuser=True)
    peer = make.UserFactory(platform=platform, role="integration manager")
    session = login()
    path, one = f"user/{user.pk}/sessions/0/10", f"user/session/{session['id']}"
    Api(make.token(peer)).refused("GET", path, code=403)
    Api(make.token(peer)).refused("DELETE", one, code=403)
    for method, where in (("GET", path), ("DELETE", one)):
        Api(make.token(stranger)).refused(method, where, code=404)
    Api(session["access_token"]).ok("GET", LIST)
    caller = Api(make.token(boss))
    assert caller.ok("GET", path)["totalResults"] == 1
    first = caller.ok("DELETE", one)["session"]["endedAt"]
    Api(session["access_token"]).refused("GET", LIST, code=401)
    assert caller.ok("DELETE", one)["session"]["endedAt"] == first


def test_nobody_ends_a_session_of_who_may_more(platform: Platform) -> None:
    boss = make.UserFactory(
        platform=platform, username="boss", password="secret", is_superuser=True
    )
    names = ("get:user:sessions", "delete:user:session")
    clerk = make.UserFactory(platform=platform, may=names)
    session = login("boss")
    caller = Api(make.token(clerk))
    assert caller.ok("GET", f"user/{boss.pk}/sessions/0/1")["totalResults"] == 1
    caller.refused("DELETE", f"user/session/{session['id']}", code=403)


def test_people_end_a_session_of_their_own(user: User) -> None:
    first, second = login(), login()
    Api(second["access_token"]).ok("DELETE", f"user/session/{first['id']}")
    Api(first["access_token"]).refused("GET", LIST, code=401)
    Api(second["access_token"]).ok("GET", LIST)


def test_spent_tokens_of_sessions_that_are_over_are_forgotten(user: User) -> None:
    living, ended, expired = login(), login(), login()
    for each in (living, ended, expired):
        refresh(refresh(each["refresh_token"])["refresh_token"])
    stored(ended).update(ended_at=now())
    stored(expired).update(refresh_expires_at=now())
    assert [SpentRefresh.prune(3), SpentRefresh.prune(3), SpentRefresh.prune(3)] == [3, 1, 0]
    assert {str(each.session_id) for each in SpentRefresh.objects.all()} == {living["id"]}


def test_sessions_of_long_ago_are_forgotten(user: User) -> None:
    living, ended, expired = login(), login(), login()
    refresh(ended["refresh_token"])
    stored(ended).update(ended_at=now() - Session.LONGEST)
    stored(expired).update(refresh_expires_at=now() - Session.LONGEST)
    assert [Session.prune(1), Session.prune(1), Session.prune(1)] == [1, 1, 0]
    (left,) = Session.objects.across_platforms()
    assert str(left.pk) == living["id"]
