"""A call with an Idempotency-Key has its effect once, and its first answer again."""

import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils.timezone import now

from integrations import egress
from integrations.models import Credential, EntityChange, Integration
from otms.accounts.models import Platform, User
from otms.api.idempotency import KeyedCall
from otms.api.models import KeptAnswer
from otms.api.tasks import prune
from otms.celery import app
from otms.orders import saving
from otms.orders.models import Business, TransportOrder
from otms.urls import router  # where every viewset is registered
from tests import make
from tests.api.conftest import GUIDE_BODY, webhook
from tests.at_once import at_once
from tests.conftest import Api

pytestmark = pytest.mark.django_db
ORDER = {"name": "4711", "customer": {"name": "Acme Corp"}}
services = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL"),
]


def post(caller: Api, body: Any = ORDER, *, key: str = "k1", path: str = "transportOrder") -> Any:
    return caller("POST", path, body, headers={"Idempotency-Key": key})


def orders() -> int:
    return TransportOrder.objects.across_platforms().count()


def older(**age: float) -> None:
    KeptAnswer.objects.update(created_at=now() - timedelta(**age))


def test_the_same_call_again_gets_the_first_answer_byte_for_byte(api: Api) -> None:
    first, again = post(api), post(api)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert again["Content-Type"] == first["Content-Type"] == "application/json"
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert again["X-Request-Id"] != first["X-Request-Id"]
    assert orders() == 1
    TransportOrder.objects.across_platforms().get().delete()
    assert post(api).content == first.content
    assert orders() == 0


def test_without_a_key_every_call_counts(api: Api) -> None:
    for _ in range(2):
        api.ok("POST", "transportOrder", ORDER)
    assert orders() == 2
    assert not KeptAnswer.objects.exists()


def test_another_body_with_the_same_key_is_a_conflict(api: Api) -> None:
    post(api)
    for other in ({"name": "4712"}, b'{"name":"4711","customer":{"name":"Acme Corp"} }'):
        answer = post(api, other)
        assert answer.status_code == 409
        assert "another body" in answer.json()["message"]
        assert "Retry-After" not in answer
    assert orders() == 1


def test_a_key_is_the_callers_own_and_the_paths(api: Api, user: User, platform: Platform) -> None:
    colleague = Api(make.token(make.UserFactory(platform=platform)))
    body = {"name": "Acme Corp"}
    ids = {
        post(api, body).json()["transportOrder"]["id"],
        post(colleague, body).json()["transportOrder"]["id"],
        post(api, body, path="business").json()["business"]["id"],
        post(api, body, key="k2").json()["transportOrder"]["id"],
    }
    assert len(ids) == 4
    # Whichever token this person shows.
    assert post(Api(make.token(user)), body)["Idempotency-Replayed"] == "true"


def test_a_key_is_good_for_a_day(api: Api) -> None:
    first = post(api)
    older(hours=23, minutes=59)
    assert post(api).content == first.content
    older(hours=24)
    second = post(api, {"name": "another"})
    assert second.status_code == 200
    assert post(api, {"name": "another"}).content == second.content
    assert orders() == 2


@pytest.mark.parametrize("old", [False, True], ids=["none before", "one of another day"])
def test_an_answer_that_is_kept_just_after_the_look_is_given_out(
    api: Api, monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    first = post(api)
    looks: list[KeyedCall] = []
    look = KeyedCall.begun

    def early(call: KeyedCall) -> Any:
        looks.append(call)
        if len(looks) > 1:
            return look(call)
        call._old = KeptAnswer(created_at=now() - timedelta(hours=25)) if old else None
        return None

    monkeypatch.setattr(KeyedCall, "begun", early)
    again = post(api)
    assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")
    assert (orders(), len(looks)) == (1, 2)


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "é", "a\tb", "\x7f"])
def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    answer = post(api, key=key)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
    assert orders() == 0


@pytest.mark.parametrize("key", ["x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "!~"])
def test_a_key_may_be_any_word(api: Api, key: str) -> None:
    assert post(api, key=key).content == post(api, key=key).content
    assert orders() == 1


def test_a_refused_call_leaves_its_key_free(api: Api) -> None:
    wrong = {**ORDER, "status": "nonsense"}
    for _ in range(2):
        assert post(api, wrong).status_code == 400
    assert not KeptAnswer.objects.exists()
    assert post(api).status_code == 200
    assert post(Api("unknown")).status_code == 401


def test_a_call_that_failed_may_be_made_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("otms.orders.wire.as_inserted", lambda *_: 1 / 0)
        assert post(api).status_code == 500
        assert (orders(), Business.objects.across_platforms().count()) == (0, 0)
    assert post(api).status_code == 200
    assert orders() == 1


def test_an_answer_that_is_not_kept_leaves_no_effect(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError("no room for the answer")

    with monkeypatch.context() as broken:
        broken.setattr("otms.api.idempotency.insert", full)
        assert post(api).status_code == 500
    assert orders() == 0
    assert post(api).status_code == 200


def test_which_calls_take_a_key() -> None:
    posts = [route for route in router.routes() if route.method == "POST"]
    unkeyed = {route.name for route in posts if not route.keyed}
    assert {name for name in unkeyed if not name.startswith("search:")} == {
        *("login:user", "login:otp", "refresh:user", "logout:user"),
        *("begin:user:secondFactor", "confirm:user:secondFactor", "remove:user:secondFactor"),
        *("generate:user:recoveryCodes", "create:user:token"),
        *("generate:integration:credentials", "generate:integration:signingSecret"),
        *("test:mapping", "test:fileTemplate:mapping", "suggest:mapping"),
        *("test:integration", "test:alertRecipient", "install:app"),
    }
    keyed = {route.name for route in router.routes() if route.keyed}
    assert keyed >= {"create:transportOrder", "create:business", "create:integration"}
    others = {route.name for route in router.routes() if route.keyed and route.method != "POST"}
    assert others == {"receive:transportOrder:mail"}


def test_credentials_are_never_kept(api: Api, integration: Integration) -> None:
    body = {"integrationId": str(integration.pk)}
    path = "integration/generate/credentials"
    first, again = (post(api, body, path=path).json()["credentials"] for _ in range(2))
    assert first["token"] != again["token"]
    assert not KeptAnswer.objects.exists()


def test_a_kept_answer_shows_no_secret(api: Api) -> None:
    source = webhook(settings={"secret": "hush-hush"})
    body = {**GUIDE_BODY, "dataSources": [source]}
    first, again = (post(api, body, path="integration") for _ in range(2))
    assert first.content == again.content
    assert Integration.objects.across_platforms().count() == 1
    kept = KeptAnswer.objects.get()
    assert b"***" in bytes(kept.answer)
    assert b"hush" not in bytes(kept.answer)


def test_what_was_sent_can_not_be_tried_out_without_the_key(api: Api, settings: Any) -> None:
    """The hash of it is made with the server's key: under another it is another."""
    assert post(api).status_code == 200
    settings.SECRET_KEY = "x" * 60
    assert post(api).status_code == 409


def test_a_call_is_the_same_when_the_key_of_the_server_was_replaced(
    api: Api, settings: Any
) -> None:
    first = post(api)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "x" * 60
    assert post(api).content == first.content


def test_an_integration_is_the_same_caller_with_each_credential(integration: Integration) -> None:
    from integrations.api.authentication import IntegrationCaller

    callers = [IntegrationCaller(Credential.generate(integration)[0]) for _ in range(2)]
    assert callers[0].pk == callers[1].pk == integration.pk


@pytest.mark.django_db(transaction=True)
def test_a_repeated_call_is_one_change(api: Api) -> None:
    for _ in range(3):
        assert post(api).status_code == 200
    changes = EntityChange.objects.across_platforms().filter(entity="transportOrder")
    assert [change.action for change in changes] == ["created"]


@pytest.mark.django_db(transaction=True)
def test_no_name_is_resolved_inside_the_transaction(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []

    def resolving(host: str, port: int) -> Any:
        asked.append((host, connection.in_atomic_block))
        answer: Any = egress.Future()
        if host == "good.example":
            answer.set_result([(2, 1, 6, "", ("93.184.216.34", port))])
        else:
            answer.set_exception(OSError("unknown"))
        return answer

    monkeypatch.setattr(egress, "resolving", resolving)
    hosts = ("good.example", "unknown.example")
    sources = [webhook(f"https://{host}/x", name=host) for host in hosts]
    body = {**GUIDE_BODY, "dataSources": sources}
    answer = post(api, body, path="integration")
    assert answer.status_code == 200, answer.content
    assert [warning["code"] for warning in answer.json()["warnings"]] == ["unresolved_host"]
    assert asked == [(host, False) for host in hosts]
    assert post(api, body, path="integration").content == answer.content
    assert len(asked) == 2


def test_what_is_older_than_a_day_is_forgotten(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otms.api.tasks.BATCH", 2)
    for key in "abcde":
        post(api, key=key)
    older(hours=25)
    post(api, key="young")
    prune()
    assert KeptAnswer.objects.count() == 1
    assert post(api, key="young")["Idempotency-Replayed"] == "true"


def test_what_the_scheduler_calls_is_there() -> None:
    app.loader.import_default_modules()
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["task"] in app.tasks
    app.tasks["otms.accounts.tasks.prune"]()


class TestAtOnce:
    """On PostgreSQL; what SQLite does is that writers wait in line."""

    pytestmark = services

    def test_twenty_of_one_key_have_one_effect_and_one_answer(self, api: Api) -> None:
        for key in ("a", "b", "c"):
            answers = at_once(20, lambda key=key: post(api, key=key))
            codes = Counter(answer.status_code for answer in answers)
            assert set(codes) <= {200, 409}
            for answer in answers:
                if answer.status_code == 409:
                    assert answer["Retry-After"] == "1"
            good = [answer for answer in answers if answer.status_code == 200]
            assert len({answer.content for answer in good}) == 1
            assert sum("Idempotency-Replayed" not in answer for answer in good) == 1
            assert post(api, key=key).content == good[0].content
        assert orders() == 3

    def test_nobody_waits_for_a_call_in_flight(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inner: list[Any] = []
        create = saving.create_order

        def slow(*args: Any) -> TransportOrder:
            if not inner:
                inner.append(None)
                inner.extend(at_once(1, lambda: post(api)))
            return create(*args)

        monkeypatch.setattr(saving, "create_order", slow)
        assert post(api).status_code == 200
        assert inner[1].status_code == 409
        assert inner[1]["Retry-After"] == "1"
        assert orders() == 1

    def test_an_answer_that_is_there_is_given_to_two_who_ask_at_once(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = post(api)
        inner: list[Any] = []
        look = KeyedCall._answer

        def slow(call: KeyedCall, kept: KeptAnswer | None) -> Any:
            if not inner:
                inner.append(None)
                inner.extend(at_once(1, lambda: post(api)))
            return look(call, kept)

        monkeypatch.setattr(KeyedCall, "_answer", slow)
        again = post(api)
        assert (again.status_code, inner[1].status_code) == (200, 200)
        assert again.content == inner[1].content == first.content
        assert orders() == 1

    def test_an_id_that_clashes_gets_its_second_try(self, api: Api) -> None:
        body = {"id": str(uuid.uuid4())}
        keys = iter("abcd")
        answers = at_once(4, lambda: post(api, body, key=next(keys)))
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
        assert KeptAnswer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_on_sqlite_writers_wait_in_line_and_find_the_answer(api: Api) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL refuses them at once")
    answers = at_once(5, lambda: post(api))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer for answer in answers) == 1
    assert orders() == 1
