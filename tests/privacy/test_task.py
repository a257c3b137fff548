"""An owner has a person's data erased: over the API, by a worker, whatever happens to it."""

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import DataError, OperationalError, connection
from django.utils.timezone import now

from integrations import privacy
from integrations.core import finding
from integrations.models import ErasureRequest, IntegrationObject, RequestLog, Status, Task
from integrations.privacy import rows, work
from integrations.privacy.texts import ERASED, Erasure
from integrations.tasks import carry_out_erasures
from otms.accounts.models import AuditEntry, Platform
from tests import make
from tests.conftest import Api
from tests.privacy.test_erase import ANN, delivered, everything
from tests.queue.test_concurrency import Beside

pytestmark = pytest.mark.django_db(transaction=True)
TEXTS = [ANN, "Ann Smith"]


@pytest.fixture(autouse=True)
def running() -> Iterator[None]:
    yield
    work._stopping.clear()


@pytest.fixture
def owner(platform: Platform) -> Api:
    return Api(make.token(make.UserFactory(platform=platform, role="owner")))


def ask(owner: Api, *texts: str) -> Any:
    return owner.ok("POST", "privacy/erase", {"texts": texts or TEXTS})["task"]


def told(owner: Api, task: Any) -> Any:
    return owner.ok("GET", f"integration/task/{task['id']}")["task"]


def lease_over(platform: Platform) -> None:
    Task.objects.of(platform).update(leased_until=now() - timedelta(seconds=1))


def whole_database() -> str:
    """Every cell of every table."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            quoted = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"SELECT * FROM {quoted}")
            found += [bytes(c) if isinstance(c, memoryview) else c for r in cursor for c in r]
    return str(found)


def test_what_is_asked_for_is_done_by_a_worker(owner: Api, platform: Platform) -> None:
    delivered(platform)
    task = ask(owner)
    assert (task["kind"], task["status"], task["integrationId"]) == ("erase", "QUEUED", None)
    assert ANN in everything(platform)
    carry_out_erasures()
    done = told(owner, task)
    assert (done["status"], done["done"], done["failed"]) == ("DONE", done["total"], 0)
    assert done["message"] == (
        "Erased from changes (1), objects of the queue (1), request logs (1), logs (1), mails (1), "
        "rows of imports (1), files (1)."
    )
    assert ANN not in everything(platform).lower()


def test_a_preview_is_answered_at_once_and_changes_nothing(owner: Api, platform: Platform) -> None:
    delivered(platform, Status.RETRY)
    before = everything(platform)
    answer = owner.ok("POST", "privacy/erase", {"texts": TEXTS, "dryRun": True})
    counts = {each["kind"]: (each["found"], each["waiting"]) for each in answer["counts"]}
    assert counts == {
        "entityChange": (0, 1),
        "integrationObject": (0, 1),
        "requestLog": (1, 0),
        "gate": (0, 0),
        "log": (1, 0),
        "email": (1, 0),
        "importRow": (1, 0),
        "file": (1, 0),
        "externalId": (0, 0),
        "remoteRecord": (0, 0),
        "alert": (0, 0),
        "notice": (0, 0),
        "replay": (0, 0),
    }
    assert {(each["kind"], each["held"]) for each in answer["records"]} == {
        ("transportOrder", 0),
        ("business", 0),
        ("event", 0),
        ("alertRecipient", 0),
    }
    assert answer["task"] is None
    assert everything(platform) == before
    assert not Task.objects.of(platform).filter(kind="erase").exists()


def test_a_preview_of_more_than_can_be_counted_says_so(
    owner: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered(platform)
    body = {"texts": TEXTS, "dryRun": True}
    assert owner.ok("POST", "privacy/erase", body)["complete"] is True
    monkeypatch.setattr(privacy, "PREVIEW_SECONDS", -1)
    answer = owner.ok("POST", "privacy/erase", body)
    assert answer["complete"] is False
    assert [each["looked"] for each in answer["counts"]] == 13 * [0], "records come first"


def test_a_preview_of_large_texts_ends_in_time_too(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.FileFactory(platform=platform, content=b"a " * 1_000_000, encoding="utf-8")
    monkeypatch.setattr(privacy, "PREVIEW_SECONDS", 0.01)
    monkeypatch.setattr(finding.Texts, "_seen", lambda *_: (time.sleep(0.02), [])[1])
    seen = privacy.preview(platform, TEXTS)
    assert not seen.complete
    assert not any(each.looked for each in seen.found), "it was not gone through to its end"


def test_a_portion_ends_in_time_and_the_next_goes_on_behind_it(
    owner: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PORTION_SECONDS", -1)
    for _ in range(3):
        delivered(platform)
    IntegrationObject.objects.of(platform).update(status=Status.SUCCESS)
    task = ask(owner)
    carry_out_erasures()
    done = told(owner, task)
    assert (done["status"], done["done"]) == ("DONE", done["total"])
    assert "request logs (3)" in done["message"]
    assert ANN not in everything(platform).lower()


def test_records_that_still_hold_it_are_told_with_their_ids(
    owner: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MOST_NAMED", 2)
    orders = [make.OrderFactory(platform=platform, name="Ann Smith") for _ in range(3)]
    make.OrderFactory(platform=make.PlatformFactory(), name="Ann Smith")
    answer = owner.ok("POST", "privacy/erase", {"texts": TEXTS, "dryRun": True})
    held = next(each for each in answer["records"] if each["kind"] == "transportOrder")
    assert (held["looked"], held["held"]) == (3, 3)
    assert held["ids"] == sorted(str(each.pk) for each in orders)[:2]
    task = ask(owner)
    carry_out_erasures()
    assert "Still in transport orders (3)" in told(owner, task)["message"]


def test_a_sixth_erasure_is_told_to_wait(owner: Api, platform: Platform) -> None:
    for _ in range(5):
        ask(owner)
    refused = owner("POST", "privacy/erase", {"texts": TEXTS})
    assert refused.status_code == 409
    assert "Wait until one is, or give up to 20 texts at once." in refused.content.decode()
    assert owner("POST", "privacy/erase", {"texts": TEXTS, "dryRun": True}).status_code == 200
    carry_out_erasures()
    ask(owner)


@pytest.mark.parametrize(
    ("text", "found"),
    [("İzmir Ann", "IZMIR ANN"), ("\u017fmith", "Smith"), ("smith", "\u017fMITH")],
)
def test_letters_that_are_the_same_in_capitals_are_found(text: str, found: str) -> None:
    assert Erasure([text]).text(found) == ERASED


def test_the_texts_are_nowhere_in_clear_and_are_forgotten_at_the_end(
    owner: Api, platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    word, headers = "Zebediah Quux", {"Idempotency-Key": "once"}
    body = {"texts": [word]}
    first, second = (owner("POST", "privacy/erase", body, headers=headers) for _ in range(2))
    task = first.json()["task"]
    assert second.json()["task"]["id"] == task["id"]
    assert "Zebediah" not in whole_database()
    request = ErasureRequest.objects.of(platform).get()
    assert list(request.secrets["texts"]) == [word]
    carry_out_erasures()
    assert not ErasureRequest.objects.of(platform).exists()
    assert "Zebediah" not in whole_database()
    assert "Zebediah" not in caplog.text
    assert "Zebediah" not in str(told(owner, task))


def test_a_worker_that_dies_is_gone_on_after_where_it_ended(
    owner: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "BATCH", 2)
    for _ in range(4):
        delivered(platform)
    IntegrationObject.objects.of(platform).update(status=Status.SUCCESS)
    task, one_batch, left = ask(owner), rows._one_batch, [6]

    def die(*args: Any) -> int:
        left[0] -= 1
        done = one_batch(*args)
        if left[0] < 0:  # when all of it was written, and nothing committed
            raise OperationalError("the server went away")
        return done

    monkeypatch.setattr(rows, "_one_batch", die)
    with pytest.raises(OperationalError):
        carry_out_erasures()
    half = told(owner, task)
    assert (half["status"], 0 < half["done"] < half["total"]) == ("RUNNING", True)
    looked: list[Any] = []
    monkeypatch.setattr(rows, "_one_batch", lambda *a: (looked.append(len(a[2])), one_batch(*a))[1])
    carry_out_erasures()
    assert not looked, "its lease is not over"
    lease_over(platform)
    carry_out_erasures()
    done = told(owner, task)
    assert half["done"] + sum(looked) == done["done"] == done["total"]
    assert "request logs (4)" in done["message"], "each is counted once"
    assert ANN not in everything(platform).lower()


def test_two_workers_at_one_erasure_count_each_row_once(
    owner: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "BATCH", 2)
    for _ in range(5):
        delivered(platform)
    IntegrationObject.objects.of(platform).update(status=Status.SUCCESS)
    task = ask(owner)
    mine = Task.objects.of(platform).filter(pk=task["id"])
    for each in [Beside(lambda: work._carry_on(mine.get())) for _ in range(3)]:
        each.done()
    done = told(owner, task)
    assert (done["status"], done["done"]) == ("DONE", done["total"])
    assert "request logs (5)" in done["message"]


def test_a_worker_that_is_stopped_gives_the_task_back(
    owner: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered(platform)
    task, one_batch = ask(owner), rows._one_batch
    monkeypatch.setattr(rows, "_one_batch", lambda *a: (one_batch(*a), work.stop())[0])
    carry_out_erasures()
    monkeypatch.undo()
    assert told(owner, task)["finishedAt"] is None
    work._stopping.clear()
    carry_out_erasures()
    assert told(owner, task)["status"] == "DONE"


def test_a_second_time_finds_nothing(owner: Api, platform: Platform) -> None:
    delivered(platform)
    ask(owner)
    carry_out_erasures()
    before = everything(platform)
    again = ask(owner)
    carry_out_erasures()
    assert told(owner, again)["message"] == "Erased from nothing."
    assert everything(platform) == before


def test_what_waits_is_left_whole_and_said(owner: Api, platform: Platform) -> None:
    row = delivered(platform, Status.RETRY)
    task = ask(owner)
    carry_out_erasures()
    assert "wait to be delivered: 2." in told(owner, task)["message"]
    row.refresh_from_db()
    assert row.change.after["customer"]["name"] == "Ann Smith"


def test_another_platform_keeps_its_own(owner: Api, platform: Platform) -> None:
    other = make.PlatformFactory()
    delivered(platform)
    delivered(other)
    before = everything(other)
    ask(owner)
    carry_out_erasures()
    assert everything(other) == before


def test_what_can_not_be_gone_on_with_ends_and_forgets_the_texts(
    owner: Api,
    platform: Platform,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    delivered(platform)
    task = ask(owner)

    def refuse(*args: Any) -> None:
        raise DataError(f"value too long: {ANN}")

    monkeypatch.setattr(rows, "_one_batch", refuse)
    carry_out_erasures()
    done = told(owner, task)
    assert (done["status"], "DataError" in done["message"]) == ("FAILED", True)
    assert not ErasureRequest.objects.of(platform).exists()
    assert ANN not in caplog.text


def test_the_trail_says_who_asked_and_how_much_it_was(owner: Api, platform: Platform) -> None:
    delivered(platform)
    task = ask(owner)
    carry_out_erasures()
    asked, done = AuditEntry.objects.of(platform).filter(action="erase:personalData").order_by("id")
    assert (asked.actor_kind, done.actor_kind) == ("person", "system")
    assert task["id"] in asked.note
    assert "request logs (1)" in done.note
    assert task["id"] in done.note


def test_the_task_is_seen_by_who_may_have_it_done(owner: Api, platform: Platform) -> None:
    task = ask(owner)
    for role, status in (("owner", 200), ("integration manager", 404), ("support", 404)):
        caller = Api(make.token(make.UserFactory(platform=platform, role=role)))
        assert caller("GET", f"integration/task/{task['id']}").status_code == status
    foreign = make.UserFactory(platform=make.PlatformFactory(), role="owner")
    assert Api(make.token(foreign))("GET", f"integration/task/{task['id']}").status_code == 404


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([], "texts"),
        (["ann"], "texts"),
        (["    "], "texts"),
        (["-----"], "Text 1 has no letter"),
        (["erased"], "look for another text"),
        ([f"text {n}" for n in range(21)], "texts"),
        (["x" * 301], "texts"),
    ],
)
def test_what_can_not_be_looked_for_is_refused(texts: list[str], said: str, owner: Api) -> None:
    answer = owner("POST", "privacy/erase", {"texts": texts})
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not ErasureRequest.objects.across_platforms().exists()


@pytest.mark.parametrize(
    "body",
    [
        '{"text": "Dear all,\\nAnn Sm\\u00efth"}',
        '{"text": "Ann Smïth"}',
        "name=Ann%20Sm%C3%AFth&x=1",
        "name=Ann+Sm%C3%AFth&x=1",
        "<p>ANN SMÏTH</p>",
    ],
)
def test_a_name_is_found_however_a_body_spells_it(
    body: str, owner: Api, platform: Platform
) -> None:
    integration = make.integration(platform=platform)
    made = {"method": "POST", "url": "http://127.0.0.1/", "attempt": 1, "duration_ms": 1.0}
    row = RequestLog.objects.create(
        platform=platform, integration=integration, request_body=body, **made
    )
    ask(owner, "Ann Smïth")
    carry_out_erasures()
    row.refresh_from_db()
    assert "sm" not in row.request_body.lower()
    assert ERASED in row.request_body
