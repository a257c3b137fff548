"""Tokens for scripts: made by their person, good for what they say and for no longer."""

import threading
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from otms.accounts.models import AuditEntry, PersonalToken, Platform, Session, User
from tests import make
from tests.conftest import Api
from tests.login.conftest import login

pytestmark = pytest.mark.django_db
LIST = "transportOrders/0/1"


@pytest.fixture
def caller(anna: User) -> Api:
    return Api(login()["access_token"])


def made(caller: Api, **wanted: Any) -> Any:
    return caller.ok("POST", "user/token", {"name": "script", **wanted})["token"]


def test_a_token_is_shown_once(anna: User, caller: Api) -> None:
    token = made(caller)
    assert token["token"].startswith("otms_pat_")
    expires = datetime.fromisoformat(token["expiresAt"])
    assert timedelta(days=89) < expires - now() <= timedelta(days=90)
    assert token["permissions"] is None
    Api(token["token"]).ok("GET", LIST)
    found = caller.ok("GET", f"user/{anna.pk}/tokens/0/10")
    assert found["totalResults"] == 1
    (row,) = found["tokens"]
    assert row["lastUsedAt"]
    assert {**row, "lastUsedAt": None} == {k: v for k, v in token.items() if k != "token"}


def test_a_token_is_good_for_what_it_says(caller: Api) -> None:
    names = ["get:transportOrders", "create:business"]
    token = made(caller, permissions=names, expiresIn="PT2H")
    assert token["permissions"] == sorted(names)
    expires = datetime.fromisoformat(token["expiresAt"])
    assert timedelta(hours=1) < expires - now() <= timedelta(hours=2)
    script = Api(token["token"])
    script.ok("GET", LIST)
    script.ok("POST", "business", {"name": "Acme"})
    answer = script.refused("GET", "businesses/0/1", code=403)
    assert "get:businesses is not among its permissions" in answer["message"]
    script.refused("DELETE", f"user/token/{token['id']}", code=403)


@pytest.mark.parametrize(
    ("wanted", "field", "told"),
    [
        ({"name": ""}, "name", "blank"),
        ({"name": "x" * 201}, "name", "200"),
        ({"expiresIn": "P367D"}, "expiresIn", "At most P366D."),
        ({"expiresIn": "P0D"}, "expiresIn", "At least PT1M."),
        ({"expiresIn": "-P1D"}, "expiresIn", "ISO 8601"),
        ({"expiresIn": "90"}, "expiresIn", "ISO 8601"),
        ({"permissions": []}, "permissions", "empty"),
        ({"permissions": ["get:transportOrder", "get:order"]}, "permissions[1]", "'get:order'"),
        ({"permissions": ["create:user:token"]}, "permissions[0]", "takes a person who logged in"),
        ({"permissions": ["login:user"]}, "permissions[0]", "may make"),
        ({"scope": "all"}, "scope", "no field"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(
    caller: Api, wanted: Any, field: str, told: str
) -> None:
    answer = caller.refused("POST", "user/token", {"name": "script", **wanted})
    assert [each["field"] for each in answer["errors"]] == [field]
    assert told in answer["message"]


def test_a_revoked_token_is_out_at_once(anna: User, caller: Api) -> None:
    token = made(caller)
    path = f"user/token/{token['id']}"
    first = caller.ok("DELETE", path)["token"]["revokedAt"]
    assert first
    Api(token["token"]).refused("GET", LIST, code=401)
    assert caller.ok("DELETE", path)["token"]["revokedAt"] == first
    script = made(caller)
    Api(script["token"]).ok("DELETE", f"user/token/{script['id']}")  # a script may end itself
    Api(script["token"]).refused("GET", LIST, code=401)
    actions = AuditEntry.objects.of(anna.platform).filter(entity_id=token["id"])
    assert list(actions.order_by("id").values_list("action", flat=True)) == [
        "create:user:token",
        "delete:user:token",
    ]


def test_others_tokens_are_for_who_may_see_them(
    anna: User, caller: Api, platform: Platform
) -> None:
    token = made(caller)
    path, one = f"user/{anna.pk}/tokens/0/10", f"user/token/{token['id']}"
    peer = Api(make.token(make.UserFactory(platform=platform, role="support")))
    stranger = Api(make.token(make.UserFactory(is_superuser=True)))
    boss = Api(make.token(make.UserFactory(platform=platform, is_superuser=True)))
    for other, code in ((peer, 403), (stranger, 404)):
        other.refused("GET", path, code=code)
        other.refused("DELETE", one, code=code)
    assert boss.ok("GET", path)["totalResults"] == 1
    boss.ok("DELETE", one)
    Api(token["token"]).refused("GET", LIST, code=401)


def test_a_token_never_may_more_than_its_person(anna: User, caller: Api) -> None:
    whatever = Api(made(caller)["token"])
    named = Api(made(caller, permissions=["create:business", "get:transportOrders"])["token"])
    anna.set_role("read-only")
    for script in (whatever, named):
        script.ok("GET", LIST)
        script.refused("POST", "business", {"name": "Acme"}, code=403)
    wanted = {"name": "script", "permissions": ["create:business"]}
    answer = caller.refused("POST", "user/token", wanted)
    assert [each["field"] for each in answer["errors"]] == ["permissions[0]"]
    assert "your role does not allow it" in answer["message"]
    assert "Did you mean" not in answer["message"]
    anna.set_role("owner")
    named.ok("POST", "business", {"name": "Acme"})


def used(record: Any) -> Any:
    return type(record).objects.across_platforms().get(pk=record.pk).last_used_at


def test_when_it_was_last_used_is_known_to_the_minute(anna: User, caller: Api) -> None:
    kept, token = PersonalToken.generate(anna, "script")
    session = Session.objects.of(anna.platform).get()
    for record, by in ((kept, Api(token)), (session, caller)):
        rows = type(record).objects.across_platforms().filter(pk=record.pk)
        rows.update(last_used_at=now() - timedelta(minutes=5))
        by.ok("GET", LIST)
        first = used(record)
        assert (first.second, first.microsecond) == (0, 0)
        assert now() - first < timedelta(minutes=1)
        with CaptureQueriesContext(connection) as captured:
            by.ok("GET", LIST)
        assert used(record) == first
        assert not [each for each in captured if "UPDATE" in each["sql"]]  # nor tried to


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_that_to_be_written(anna: User) -> None:
    kept, token = PersonalToken.generate(anna, "script")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            rows = PersonalToken.objects.of(anna.platform).filter(pk=kept.pk)
            rows.update(name="held")  # on SQLite this holds every row there is
            held.set()
            done.wait(60)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(60)
        began = time.monotonic()
        Api(token).ok("GET", LIST)
        took = time.monotonic() - began
    finally:
        done.set()
        holder.join()
    assert took < 20  # SQLite waits for 30 seconds, PostgreSQL for ever
    assert used(kept) is None
    Api(token).ok("GET", LIST)
    assert used(kept)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            assert cursor.execute("PRAGMA busy_timeout").fetchone() == (30_000,)


def test_who_shows_a_token_that_is_over_is_told_what_to_do_about_it(stranger: Api) -> None:
    over = {f"{PersonalToken.PREFIX}x": "make a new one", "a.b.c": "log in again"}
    for token, told in over.items():
        assert told in Api(token).refused("GET", LIST, code=401)["message"]
