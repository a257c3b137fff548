"""New rows of one model or several are one INSERT on PostgreSQL, stored as the ORM stores them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations.models import EntityChange, IntegrationObject
from otms.accounts.models import Platform
from otms.api.models import KeptAnswer
from otms.db.rows import insert, insert_together
from otms.orders.models import Consignment, Goods, TransportOrder
from tests import make

pytestmark = pytest.mark.django_db


def inserts(queries: Any) -> int:
    return sum(each["sql"].count("INSERT INTO") > 0 for each in queries)


def test_what_was_inserted_together_is_found_as_it_was(platform: Platform) -> None:
    order = TransportOrder(
        platform=platform, name="'a\\ \"", external_attributes={"n": Decimal("1.50")}
    )
    part = Consignment(platform=platform, transport_order=order, high_value_goods=True)
    goods = [
        Goods(platform=platform, consignment=part, position=place, quantity=Decimal("2.5"))
        for place in range(2)
    ]
    with CaptureQueriesContext(connection) as queries:
        insert_together("default", [order], [part], [], goods)
    assert inserts(queries) == (1 if connection.vendor == "postgresql" else 3)
    for record in (order, part, *goods):
        assert (record._state.adding, record._state.db) == (False, "default")
        stored = type(record).objects.of(platform).get(pk=record.pk)
        for field in record._meta.concrete_fields:
            assert getattr(stored, field.attname) == getattr(record, field.attname), field


def test_rows_learn_their_keys_in_their_order(platform: Platform) -> None:
    names = [f"r{number}" for number in range(5)]
    changes = [
        EntityChange(platform=platform, entity="e", entity_id=platform.pk, reference=name)
        for name in names
    ]
    insert(changes, "default", keys=True)
    assert sorted(each.pk for each in changes) == [each.pk for each in changes]
    stored = EntityChange.objects.of(platform).in_bulk([each.pk for each in changes])
    assert [stored[each.pk].reference for each in changes] == names


def test_the_moment_may_be_the_databases_own(platform: Platform) -> None:
    later = datetime(2030, 1, 2, 3, 4, 5, 6, UTC)
    integration = make.integration(platform=platform)
    change = EntityChange(platform=platform, entity="e", entity_id=platform.pk)
    insert([change], "default", keys=True)
    rows = [
        IntegrationObject(
            platform=platform,
            integration=integration,
            change=change,
            entity="e",
            entity_id=platform.pk,
            due_at=due,
        )
        for due in (Now(), later, None)
    ]
    insert(rows, "default", keys=True)
    stored = IntegrationObject.objects.of(platform).in_bulk([each.pk for each in rows])
    at_once, planned, never = (stored[each.pk].due_at for each in rows)
    assert abs(at_once - now()) < timedelta(minutes=1)
    assert (planned, never) == (later, None)


def test_what_is_sealed_is_stored_sealed() -> None:
    kept = KeptAnswer(call="c", content_hash="h", status=200, answer=b'{"secret": 1}')
    insert([kept], "default")
    assert KeptAnswer.objects.get().answer == b'{"secret": 1}'
    with connection.cursor() as cursor:
        cursor.execute("SELECT answer FROM api_keptanswer")
        assert b"secret" not in bytes(cursor.fetchone()[0])


def test_nothing_to_insert_is_no_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        insert([], "default")
        insert_together("default", [], [])
