"""Guesses are few, wherever they are made, and tell nothing about who has an account."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions import models as cookies
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from otms.accounts import lockout
from otms.accounts.lockout import BY_NAME, BY_NAME_AND_ADDRESS
from otms.accounts.models import AuditEntry, FailedTries, Platform, User
from otms.accounts.session_store import SessionStore
from otms.accounts.tasks import prune
from tests import make
from tests.conftest import Api
from tests.login.conftest import PASSWORD, attempt, minutes_pass
from tests.orders.test_concurrency import at_once

pytestmark = pytest.mark.django_db


def guess(times: int, username: str = "anna", address: str = "127.0.0.1") -> list[int]:
    return [attempt(username, "wrong", address).status_code for _ in range(times)]


def failed(times: int, username: str, address: str) -> None:
    """As if it had been tried so often in the last minutes."""
    for limit, key in lockout.Attempt.to_log_in(username, address).keys.items():
        row = FailedTries(key=key, last_at=now())
        row.name_key = "" if limit is lockout.BY_ADDRESS else lockout.name_key(username)
        row.times = [now().timestamp()] * min(times, limit.most)
        row.save()


def test_ten_wrong_passwords_close_the_door_for_a_quarter_of_an_hour(anna: User) -> None:
    assert guess(10) == [401] * 10
    answer = attempt("anna", PASSWORD)
    assert answer.status_code == 429
    assert 890 < int(answer["Retry-After"]) <= 900
    assert "Wait 15 minutes, then try again." in answer.json()["message"]
    minutes_pass(14.9)
    assert attempt("anna", PASSWORD).status_code == 429
    minutes_pass(0.2)
    assert guess(9) == [401] * 9
    assert attempt("anna", PASSWORD).status_code == 200


def test_failures_of_long_ago_do_not_count(anna: User) -> None:
    for some in (5, 4, 5, 4):
        assert guess(some) == [401] * some
        minutes_pass(8)
    assert guess(7) == [401] * 6 + [429]


def test_what_is_right_makes_no_room_for_more_guesses(anna: User) -> None:
    for _ in range(3):
        assert guess(3) == [401] * 3
        assert attempt("anna", PASSWORD).status_code == 200
    assert guess(2) == [401, 429]


def test_somebody_else_at_the_same_address_is_let_in(anna: User, platform: Platform) -> None:
    make.UserFactory(platform=platform, username="bert", password=PASSWORD)
    guess(11)
    assert attempt("bert", PASSWORD).status_code == 200
    assert attempt("anna", PASSWORD, "10.1.1.1").status_code == 200


def test_another_spelling_is_the_same_name() -> None:
    names = ["nobody", "NOBODY", " nobody", "NoBody", "\uff4eobody"] * 2
    assert [attempt(each, "x").status_code for each in names] == [401] * 10
    assert guess(1, "nobody") == [429]


def test_guesses_at_one_name_from_everywhere_are_few(anna: User) -> None:
    assert attempt("anna", PASSWORD, "10.0.0.1").status_code == 200
    for number in range(10):
        assert guess(10, address=f"10.9.{number}.1") == [401] * 10
    answer = attempt("anna", PASSWORD, "10.9.10.1")
    assert answer.status_code == 429
    assert 3500 < int(answer["Retry-After"]) <= 3600
    # Where they were before, people are let in, and guesses there are counted as ever.
    assert attempt("anna", PASSWORD, "10.0.0.1").status_code == 200
    assert guess(11, address="10.0.0.1") == [401] * 10 + [429]
    minutes_pass(60)
    assert attempt("anna", PASSWORD, "10.9.10.1").status_code == 200


def test_who_came_from_a_network_before_is_known_in_all_of_it(anna: User) -> None:
    assert attempt("anna", PASSWORD, "2001:db8:0:1::1").status_code == 200
    failed(100, "anna", "10.0.0.1")
    assert attempt("anna", PASSWORD, "2001:db8:0:1::2").status_code == 200
    assert attempt("anna", PASSWORD, "2001:db8:0:2::1").status_code == 429


def test_guesses_at_many_names_from_one_address_are_few(anna: User) -> None:
    failed(99, "somebody", "10.0.0.1")
    assert guess(2, "another", "10.0.0.1") == [401, 429]
    assert attempt("anna", PASSWORD, "10.0.0.1").status_code == 429
    assert attempt("anna", PASSWORD, "10.0.0.2").status_code == 200


def test_who_has_one_address_of_a_network_has_all_of_it(anna: User) -> None:
    codes = [guess(1, address=f"2001:db8:0:1::{n}")[0] for n in range(1, 12)]
    assert codes == [401] * 10 + [429]
    assert guess(1, address="2001:db8:0:2::1") == [401]
    guess(10, address="10.0.0.1")
    assert guess(1, address="::ffff:10.0.0.1") == [429]


def test_guessing_refresh_tokens_counts_for_the_address(anna: User) -> None:
    failed(99, "somebody", "127.0.0.1")
    wrong = {"refresh_token": "123e4567-e89b-42d3-a456-426614174000"}
    Api().refused("POST", "user/refresh", wrong, code=401)
    Api().refused("POST", "user/refresh", wrong, code=429)
    assert attempt("anna", PASSWORD).status_code == 429


class Counting(MD5PasswordHasher):
    hashed = 0

    def encode(self, *args: Any, **kwargs: Any) -> str:
        type(self).hashed += 1
        return super().encode(*args, **kwargs)


def test_who_has_no_account_waits_as_long_for_the_same_answer(
    anna: User, platform: Platform, settings: LazySettings
) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.Counting"]
    make.UserFactory(platform=platform, username="gone", password=PASSWORD, is_active=False)
    make.UserFactory(platform=platform, username="invited")
    found = set()
    for name, password in (
        ("anna", "wrong"),
        ("nobody", "wrong"),
        ("gone", "wrong"),
        ("gone", PASSWORD),
        ("invited", "wrong"),
    ):
        Counting.hashed = 0
        answer = attempt(name, password)
        found.add((answer.status_code, answer.content, Counting.hashed))
        typed = {"username": name, "password": password}
        Counting.hashed = 0
        page = Client().post("/admin/login/", typed)
        errors = str(page.context["form"].non_field_errors())
        assert (page.status_code, Counting.hashed) == (200, 1), name
        assert "Please enter the correct username and password" in errors
    assert len(found) == 1, found
    assert {hashed for *_, hashed in found} == {1}
    assert guess(11, "nobody") == guess(11, "invited")


def test_no_name_and_no_address_is_readable_in_the_database(anna: User) -> None:
    attempt("anna", "x", "10.77.77.77")
    attempt("My Secret Password 1", "x", "10.77.77.77")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_failedtries")
        rows = str(cursor.fetchall()).lower()
    assert FailedTries.objects.count() == 5
    for text in ("anna", "secret", "77.77"):
        assert text not in rows


def test_that_a_name_is_locked_is_written_down(
    anna: User, platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        guess(12)
        guess(12, "a typed password")
    told = [each for each in caplog.records if each.getMessage() == "logins are locked"]
    assert [(each.by, each.address) for each in told] == [("name and address", "127.0.0.1")] * 2  # type: ignore[attr-defined]
    assert "a typed password" not in caplog.text
    (entry,) = AuditEntry.objects.of(platform).filter(action="lock:user")
    assert (entry.entity_id, entry.address, entry.actor_kind) == (anna.pk, "127.0.0.1", "nobody")


def test_the_operator_unlocks_a_name_or_an_address(anna: User, capsys: Any) -> None:
    guess(10)
    assert lockout.locked_until("anna") is not None
    call_command("unlock", "anna")
    assert "unlocked" in capsys.readouterr().out
    assert lockout.locked_until("anna") is None
    assert attempt("anna", PASSWORD).status_code == 200
    call_command("unlock", "anna")
    assert "Nothing" in capsys.readouterr().out
    failed(100, "somebody", "127.0.0.1")
    assert attempt("anna", PASSWORD).status_code == 429
    call_command("unlock", "--address", "127.0.0.1")
    assert attempt("anna", PASSWORD).status_code == 200
    with pytest.raises(CommandError, match="name or an --address"):
        call_command("unlock")
    with pytest.raises(CommandError, match="nobody called 'ana'"):
        call_command("unlock", "ana")
    trail = AuditEntry.objects.of(anna.platform)
    assert trail.filter(action="unlock:user", entity_id=str(anna.pk)).count() == 1


def test_what_failed_long_ago_is_forgotten() -> None:
    guess(3, "nobody")
    FailedTries.objects.update(last_at=now() - timedelta(minutes=61))
    guess(1, "somebody")
    prune()
    SessionStore("k" * 32).create()
    cookies.Session.objects.update(expire_date=now())
    prune()
    assert not cookies.Session.objects.exists()
    kept = set(FailedTries.objects.values_list("key", flat=True))
    assert kept == set(lockout.Attempt.to_log_in("somebody", "127.0.0.1").keys.values())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["api", "admin"])
def test_of_many_guesses_at_the_same_moment_no_more_are_answered(anna: User, way: str) -> None:
    User.objects.filter(pk=anna.pk).update(is_staff=True)

    def call() -> int:
        if way == "api":
            return int(attempt("anna", "wrong").status_code)
        typed = {"username": "anna", "password": "wrong"}
        return Client().post("/admin/login/", typed).status_code

    wrong = 401 if way == "api" else 200
    assert sorted(at_once(20, call)) == sorted([wrong] * 10 + [429] * 10)
    both, name = BY_NAME_AND_ADDRESS, BY_NAME
    keys = lockout.Attempt.to_log_in("anna", "10.0.0.1").keys
    rows = FailedTries.objects.filter(name_key=keys[name])
    assert sorted(len(row.times) for row in rows) == [10, 10]
    assert both.most == 10


@pytest.mark.django_db(transaction=True)
def test_guesses_at_one_name_from_many_addresses_are_all_counted(anna: User) -> None:
    addresses = iter([f"10.0.0.{n}" for n in range(20)])
    codes = at_once(20, lambda: attempt("anna", "wrong", next(addresses)).status_code)
    assert codes == [401] * 20
    row = FailedTries.objects.get(key=lockout.name_key("anna"))
    assert len(row.times) == 20


def test_the_log_says_who_failed_to_log_in_and_repeats_no_typed_password(
    anna: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "otms.accounts.lockout"):
        guess(1, "ANNA", "10.1.1.1")
        guess(10, "hunter2-typed-too-early", "10.1.1.2")
    told = [each for each in caplog.records if each.name == "otms.accounts.lockout"]
    first, *others = (vars(each) for each in told)
    assert first["msg"] == "a login failed"
    assert (first["person"], first["address"]) == ("anna", "10.1.1.1")
    assert first["request"]
    assert {each["person"] for each in others} == {"nobody of that name"}
    assert others[-1]["msg"] == "logins are locked"
    assert "hunter2" not in str([first, *others])
