"""Rows that come in with one transaction: what becomes of each is what it is by itself."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError, connection
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations.inbound import imports, portion, stored
from integrations.models import EntityChange, ExternalId, Integration, IntegrationObject, Task
from integrations.tasks import carry_out_imports
from otms.accounts.models import Platform
from otms.orders import saving
from otms.orders.models import TransportOrder
from tests import make
from tests.conftest import Api
from tests.inbound.conftest import Bring
from tests.inbound.test_rows import bad_rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is."""
    monkeypatch.setattr(imports, "PATIENCE", 600)
    monkeypatch.setattr(imports, "GATHER_SECONDS", 600)
    monkeypatch.setattr(portion, "HOLD_SECONDS", 600)


def good(n: int, **more: Any) -> Any:
    part = {"name": "first", "goods": [{"description": "pallets", "quantity": 4}]}
    row = {"externalId": f"SO-{n}", "name": f"order {n}", "customer": {"name": "Acme Corp"}}
    return {**row, "consignments": [part], **more}


# The same one by one.

Rows = list[Any]
Story = Callable[[Platform], list[Rows]]  # the rows of each call, one after the other


def a_bad_one(place: int) -> Story:
    def rows(platform: Platform) -> list[Rows]:
        bad = bad_rows(platform)[place][0]
        return [[*map(good, range(6)), bad, *map(good, range(6, 9))]]

    return rows


def a_record_twice(_: Platform) -> list[Rows]:
    again = [good(1, description="new"), good(1, description="new")]
    return [[good(0), good(1), good(2), *again, good(3), good(1, status="accepted"), good(0)]]


def known_and_new(_: Platform) -> list[Rows]:
    changed = good(1, consignments=[{"name": "other"}])
    return [
        [good(0), good(1), good(2)],
        [good(5), changed, good(6), good(0), {"name": "A"}, good(2, name="B"), good(7)],
    ]


def two_names_of_one(_: Platform) -> list[Rows]:
    id, other = str(uuid4()), str(uuid4())
    return [
        [good(0), good(1, id=id), good(2, id=id), good(3), good(1, id=other, name="A")],
        [good(1, description="x"), good(2, description="y"), good(3, id=id), good(4, id=id)],
    ]


def an_id_that_an_earlier_row_makes(platform: Platform) -> list[Rows]:
    """The name is that of an order which was deleted and comes back under its id."""
    deleted = make.OrderFactory(platform=platform, name="gone")
    id = str(deleted.pk)
    ExternalId.objects.create(
        platform=platform,
        integration=Integration.objects.of(platform).get(name="imports"),
        entity="transportOrder",
        external_id="SO-7",
        entity_id=deleted.pk,
    )
    deleted.delete()
    return [[good(0), {"id": id, "name": "back"}, good(7), good(8)]]


def a_part_that_is_anothers(_: Platform) -> list[Rows]:
    part = {"id": str(uuid4()), "name": "mine"}
    takes, gives = good(5, consignments=[part]), good(1, consignments=[{"name": "other"}])
    return [[good(0), good(1, consignments=[part]), takes], [good(2), takes, gives, good(3)]]


def a_customer_in_many_ways(platform: Platform) -> list[Rows]:
    known = make.BusinessFactory(platform=platform, name="Known", coc="1")
    names: list[Any] = [{"name": "New", "coc": "1"}, {"name": "New", "coc": "2"}, {"name": "Known"}]
    ids = [{"id": str(known.pk)}, {"name": "Known", "coc": "2"}, None]
    customers = [good(n, customer=each) for n, each in enumerate([*names, *ids])]
    return [customers, [{**each, "description": "x"} for each in customers]]


def unknown_fields(_: Platform) -> list[Rows]:
    odd = good(1, colour="red", consignments=[{"goods": [{"wieght": 1}]}])
    return [[good(0), odd, good(2), good(3, externalId=None), good(4)]]


STORIES: dict[str, Story] = {
    **{f"a bad one {place}": a_bad_one(place) for place in range(14)},
    **{
        each.__name__: each
        for each in (
            a_record_twice, known_and_new, two_names_of_one, an_id_that_an_earlier_row_makes,
            a_part_that_is_anothers, a_customer_in_many_ways, unknown_fields,
        )
    },
}  # fmt: skip


def what_comes_of(story: Story, **headers: str) -> Any:
    """All that can be seen of it, without ids and times: those are drawn anew."""
    platform = make.PlatformFactory()
    api = Api(make.token(make.UserFactory(platform=platform)))
    own = make.integration(platform=platform, name="imports", trigger=make.ALL_ACTIONS)
    make.integration(platform=platform, trigger=make.ALL_ACTIONS)
    calls = story(platform)
    first = EntityChange.objects.of(platform).order_by("id").last()
    known: dict[str, str] = {}
    told = []
    for rows in calls:
        body = {"integrationId": str(own.pk), "data": rows}
        answer = api("POST", "integration/import/data", body, headers=headers).json()
        assert answer["task"]["status"] == "DONE"
        told.append(without_ids([answer["totals"], answer["results"]], known))
    changes = EntityChange.objects.of(platform).filter(id__gt=first.pk if first else 0)
    names = ("entity", "action", "reference", "origin", "hops", "before", "after", "changed_fields")
    queued = IntegrationObject.objects.of(platform).order_by("id")
    entries = ExternalId.objects.of(platform).order_by("external_id")
    return (
        told,
        without_ids([list(each) for each in changes.order_by("id").values_list(*names)], known),
        list(queued.values_list("entity", "change__action", "reference", "status")),
        without_ids([[each.external_id, str(each.entity_id)] for each in entries], known),
    )


def without_ids(value: Any, known: dict[str, str]) -> Any:
    """Each id as the number of its first appearance, so that the same ones stay the same."""
    if isinstance(value, dict):
        dated = {"createdAt", "updatedAt"}
        return {key: without_ids(each, known) for key, each in value.items() if key not in dated}
    if isinstance(value, list):
        return [without_ids(each, known) for each in value]
    for id in IDS.findall(str(value)) if isinstance(value, str | UUID) else ():
        value = str(value).replace(id, known.setdefault(id, f"#{len(known)}"))
    return value


IDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_what_comes_of_rows_is_what_comes_of_them_one_by_one(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = what_comes_of(story)
    monkeypatch.setattr(imports, "TOGETHER", 1)
    assert together == what_comes_of(story)


def test_a_row_that_the_database_refuses_takes_no_other_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def story(_: Platform) -> list[Rows]:
        return [[*map(good, range(20)), good(20, name="refused"), *map(good, range(21, 50))]]

    with refused_by_the_database("refused"):
        together = what_comes_of(story)
        monkeypatch.setattr(imports, "TOGETHER", 1)
        assert together == what_comes_of(story)
    (((totals, results),), *_) = together
    assert (totals["created"], totals["rejected"]) == (49, 1)
    assert [each["code"] for each in results[20]["errors"]] == ["failed"]


@contextmanager
def refused_by_the_database(name: str) -> Iterator[None]:
    """Orders of this name, as a constraint does that somebody added."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "CREATE TRIGGER refusing BEFORE INSERT ON orders_transportorder "
                f"WHEN NEW.name = '{name}' BEGIN SELECT RAISE(ABORT, 'not this one'); END"
            )
        else:
            cursor.execute(
                "ALTER TABLE orders_transportorder "
                f"ADD CONSTRAINT refusing CHECK (name <> '{name}') NOT VALID"
            )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute("DROP TRIGGER refusing")
            else:
                cursor.execute("ALTER TABLE orders_transportorder DROP CONSTRAINT refusing")


# What it costs.


def test_fifty_new_orders_take_about_one_statement_each(bring: Bring, platform: Platform) -> None:
    make.integration(platform=platform, trigger=make.ALL_ACTIONS)
    bring(good(0))  # the customer
    with CaptureQueriesContext(connection) as queries:
        assert bring(*map(good, range(1, 51)))["totals"]["created"] == 50
    assert len(queries) <= 55  # with the call itself, its task and its answer


def test_fifty_known_orders_take_three_statements_each_at_most(bring: Bring) -> None:
    rows = [good(n) for n in range(50)]
    bring(*rows)
    with CaptureQueriesContext(connection) as queries:
        assert bring(*rows)["totals"]["unchanged"] == 50
    assert len(queries) <= 150


def test_of_fifty_rows_one_that_is_bad_costs_less_than_all_of_them_alone(bring: Bring) -> None:
    bring(good(0))
    rows = [good(n) for n in range(1, 51)]
    rows[33]["customer"] = {"id": str(uuid4())}
    with CaptureQueriesContext(connection) as queries:
        assert bring(*rows)["totals"]["rejected"] == 1
    assert len(queries) <= 300  # alone, they take more than a thousand


# What it holds.


def test_rows_of_many_parts_come_in_fewer_at_once(
    bring: Bring, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for a transaction that inserts a hundred thousand goods."""
    monkeypatch.setattr(portion, "MOST_PARTS", 7)
    made: list[int] = []
    create_orders = saving.create_orders

    def counted(customers: Any, given: Any) -> Any:
        made.append(len(given))
        return create_orders(customers, given)

    monkeypatch.setattr(saving, "create_orders", counted)
    large = good(9, consignments=[{"goods": [{}] * 10}])
    assert bring(*map(good, range(5)), large)["totals"]["created"] == 6
    assert made == [2, 2, 1, 1]  # three records each


def test_what_takes_long_is_committed_before_it_is_gone_on(
    bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(*map(good, range(5)))
    monkeypatch.setattr(portion, "HOLD_SECONDS", 0)
    with CaptureQueriesContext(connection) as queries:
        assert bring(*(good(n, name="new") for n in range(5)))["totals"]["updated"] == 5
    assert sum(each["sql"] == "COMMIT" for each in queries) >= 5


def test_a_worker_that_dies_between_two_transactions_brings_nothing_in_twice(
    bring: Bring, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(*({"name": f"without an id {n}"} for n in range(150)))
    write_all, left = stored._write_all, [2]

    def die(filled: Any) -> None:
        write_all(filled)
        left[0] -= 1
        if left[0] < 0:
            raise OperationalError("the server went away")

    with monkeypatch.context() as patch:
        patch.setattr(stored, "_write_all", die)
        with pytest.raises(OperationalError):
            carry_out_imports()
    orders = TransportOrder.objects.of(platform)
    assert orders.count() == 100
    Task.objects.of(platform).update(leased_until=now() - timedelta(seconds=1))
    carry_out_imports()
    assert (orders.count(), Task.objects.of(platform).get().status) == (150, "DONE")


def test_rows_that_are_ended_by_a_deadlock_come_in_fewer_at_once(
    bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive_all, sizes = stored.receive_all, list[int]()

    class Deadlock(Exception):
        sqlstate = "40P01"

    def deadlocked(integration: Any, rows: Any) -> Any:
        sizes.append(len(rows))
        if len(sizes) == 1:
            raise OperationalError("deadlock detected") from Deadlock()
        return receive_all(integration, rows)

    monkeypatch.setattr(stored, "receive_all", deadlocked)
    assert bring(*map(good, range(8)))["totals"]["created"] == 8
    assert sizes[:2] == [8, 4]


# Who hears of it.


def test_changes_and_queue_are_in_the_order_of_the_rows(bring: Bring, platform: Platform) -> None:
    listener = make.integration(platform=platform, trigger=make.ALL_ACTIONS)
    bring(*map(good, range(30)))
    names = [f"order {n}" for n in range(30)]
    changes = EntityChange.objects.of(platform).filter(entity="transportOrder").order_by("id")
    assert list(changes.values_list("reference", flat=True)) == names
    assert list(listener.queue.order_by("id").values_list("reference", flat=True)) == names


def test_who_listens_to_saves_hears_of_each_order(bring: Bring) -> None:
    heard: list[tuple[str, bool]] = []

    def listen(instance: TransportOrder, created: bool, **_: Any) -> None:
        heard.append((instance.name, created))

    post_save.connect(listen, sender=TransportOrder)
    try:
        bring(*map(good, range(3)))
    finally:
        post_save.disconnect(listen, sender=TransportOrder)
    assert heard == [("order 0", True), ("order 1", True), ("order 2", True)]
