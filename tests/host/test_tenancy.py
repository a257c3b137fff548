"""A query that was not told a platform raises, whichever way it goes to the database."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery

from integrations.models import (
    Counter,
    EntityChange,
    ExternalId,
    ImportRow,
    IntegrationObject,
    IntegrationVersion,
    Log,
    MessageAutomation,
    Notice,
    RemoteRecord,
    RequestLog,
)
from otms.accounts.models import AuditEntry, Platform
from otms.accounts.tenancy import PlatformQuerySet, PlatformRequired, Record
from otms.orders.models import Business, Consignment, TransportOrder
from tests import make

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]

OWNED = [
    *(model for model in apps.get_models() if issubclass(model, Record)),
    *(AuditEntry, Counter, EntityChange, ExternalId, ImportRow, IntegrationObject, Log),
    *(IntegrationVersion, MessageAutomation, Notice, RemoteRecord, RequestLog),
]
PLATFORM = "12345678-1234-1234-1234-123456789012"
WAYS: dict[str, Callable[[Any], Any]] = {
    "list": list,
    "len": len,
    "bool": bool,
    "index": lambda q: q[0],
    "get": lambda q: q.get(pk=None),
    "first": lambda q: q.first(),
    "last": lambda q: q.order_by("pk").last(),
    "earliest": lambda q: q.earliest("pk"),
    "count": lambda q: q.count(),
    "exists": lambda q: q.exists(),
    "contains": lambda q: q.contains(q.model()),
    "aggregate": lambda q: q.aggregate(n=Count("pk")),
    "iterator": lambda q: list(q.iterator()),
    "values": lambda q: list(q.values("pk")),
    "values_list": lambda q: list(q.values_list("pk", flat=True)),
    "dates": lambda q: list(q.datetimes("created_at", "day")),
    "in_bulk": lambda q: q.in_bulk(),
    "explain": lambda q: q.explain(),
    "update": lambda q: q.update(platform=None),
    "delete": lambda q: q.delete(),
    "raw": lambda q: list(q.raw("SELECT 1 AS id")),
    "select_for_update": lambda q: list(q.select_for_update()),
    "get_or_create": lambda q: q.get_or_create(pk=None),
    "update_or_create": lambda q: q.update_or_create(pk=None),
    "filter": lambda q: list(q.filter(pk=None)),
    "exclude": lambda q: list(q.exclude(platform=PLATFORM)),
    "no platform": lambda q: list(q.of(None)),
    "annotate": lambda q: list(q.annotate(x=F("pk"))),
    "union": lambda q: list(q.union(q)),
    "half a union": lambda q: list(q.of(PLATFORM).union(q)),
    "intersection": lambda q: list(q.of(PLATFORM).intersection(q)),
    "or": lambda q: list(q.of(PLATFORM) | q),
    "or, the other way": lambda q: list(q | q.of(PLATFORM)),
    "xor": lambda q: list(q.of(PLATFORM) ^ q),
    "subquery": lambda q: list(q.of(PLATFORM).filter(pk__in=q)),
    "Subquery": lambda q: list(q.of(PLATFORM).filter(pk=Subquery(q.values("pk")[:1]))),
    "Exists": lambda q: list(q.of(PLATFORM).filter(Exists(q.filter(pk=OuterRef("pk"))))),
    "Exists on another": lambda q: list(Platform.objects.filter(Exists(q))),
}


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model.__name__)
def test_every_owned_model_asks_for_a_platform(model: Any) -> None:
    assert isinstance(model.objects.all(), PlatformQuerySet)
    for way in ("list", "count", "exists", "delete", "Exists on another"):
        with pytest.raises(PlatformRequired, match=rf"{model.__name__} .*\.of\(platform\)"):
            WAYS[way](model.objects.all())
    assert list(model.objects.of(PLATFORM)) == []


def test_no_model_with_a_platform_is_forgotten() -> None:
    with_platform = {
        model
        for model in apps.get_models()
        if any(field.name == "platform" for field in model._meta.fields)
    }
    assert {model.__name__ for model in with_platform - set(OWNED)} == {"User"}


@pytest.mark.parametrize("way", WAYS)
def test_without_a_platform_no_way_leads_to_the_database(way: str) -> None:
    make.OrderFactory()
    with pytest.raises(PlatformRequired):
        WAYS[way](TransportOrder.objects.all())
    assert TransportOrder.objects.across_platforms().count() == 1


@pytest.mark.parametrize("way", ["list", "count", "in_bulk", "explain", "union", "or", "Exists"])
def test_across_platforms_the_ways_are_open(way: str) -> None:
    make.OrderFactory()
    WAYS[way](TransportOrder.objects.across_platforms())


def test_with_a_platform_only_its_records_are_found() -> None:
    mine, theirs = make.OrderFactory(), make.OrderFactory()
    for found in (
        TransportOrder.objects.of(mine.platform),
        TransportOrder.objects.filter(platform=mine.platform),
        TransportOrder.objects.filter(platform_id=mine.platform_id),
        TransportOrder.objects.filter(Q(name=mine.name), platform=mine.platform),
        TransportOrder.objects.order_by("name").of(mine.platform).exclude(name="x").distinct(),
        TransportOrder.objects.of(mine.platform).union(TransportOrder.objects.of(mine.platform)),
        TransportOrder.objects.of(mine.platform) | TransportOrder.objects.of(mine.platform),
        TransportOrder.objects.of(mine.platform) & TransportOrder.objects.all(),
        TransportOrder.objects.of(mine.platform).filter(
            Exists(Business.objects.of(mine.platform).filter(pk=OuterRef("customer_id")))
        ),
    ):
        assert list(found) == [mine]
    assert TransportOrder.objects.of(mine.platform).in_bulk([theirs.pk]) == {}
    assert TransportOrder.objects.of(mine.platform).update(name="x") == 1
    assert TransportOrder.objects.of(mine.platform).delete()[0] == 1
    assert list(TransportOrder.objects.across_platforms()) == [theirs]
    assert list(TransportOrder.objects.none()) == []


def test_the_records_of_a_record_are_found() -> None:
    goods = make.GoodsFactory(
        consignment=make.ConsignmentFactory(transport_order=make.OrderFactory())
    )
    order = goods.consignment.transport_order
    assert order.consignments.get().goods.get() == goods
    assert order.consignments.filter(name="x").exists() is False
    assert order.customer.transport_orders.count() == 1
    found = TransportOrder.objects.of(order.platform).prefetch_related("consignments__goods")
    assert found[0].consignments.all()[0].goods.all()[0] == goods
    inside = Consignment.objects.of(order.platform).filter(pk__in=order.consignments.all())
    assert inside.count() == 1
    assert TransportOrder.objects.of(order.platform).filter(
        Exists(order.consignments.filter(transport_order=OuterRef("pk")))
    )
    order.refresh_from_db()
    order.delete()


# `across_platforms()` and `OfAnyPlatform` are for the engine's own work. A new line here needs a
# reason.
MAY = {
    "otms/accounts/tenancy.py": "declares it",
    "otms/accounts/lockout.py": "a name says itself whose it is",
    "otms/accounts/personal_token.py": "a token says itself whose it is",
    "otms/accounts/session.py": "a session says itself whose it is",
    "otms/orders/saving.py": "an id that anybody has is taken",
    "otms/orders/wire.py": "the parts of orders that were found inside a platform",
    "integrations/definition.py": "an id that anybody has is taken",
    "integrations/glance.py": "of integrations that were found inside a platform",
    "integrations/health.py": "of integrations that were found inside a platform",
    "integrations/metrics.py": "the whole deployment, for who holds its token",
    "integrations/entities/business.py": "snapshots of ids that a save touched",
    "integrations/entities/event.py": "snapshots of ids that a save touched",
    "integrations/entities/transport_order.py": "snapshots of ids that a save touched",
    "integrations/models/credential.py": "a token says itself whose it is",
    "integrations/models/integration.py": "the own row, by its id",
    "integrations/models/app_token.py": "a token says itself whose it is",
    "integrations/models/alert.py": "workers serve every platform",
    "integrations/models/claim.py": "workers serve every platform",
    "integrations/models/task.py": "workers serve every platform",
    "integrations/models/hearing.py": "the data sources of an integration that was called",
    "integrations/models/lane.py": "workers serve every platform",
    "integrations/models/log.py": "ids alone, for a query inside a platform",
    "integrations/models/queue.py": "the changes of rows that were found for an integration",
    "integrations/models/version.py": "of integrations that a transaction touched",
    "integrations/plan.py": "workers serve every platform",
    "integrations/pressure.py": "what waits is counted for every platform",
    "integrations/retention.py": "what is old is old on every platform",
}


def crossings() -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for folder in ("otms", "integrations")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\bacross_platforms\b|\bOfAnyPlatform\b", path.read_text(encoding="utf-8"))
    }


def test_only_the_engine_crosses_platforms() -> None:
    assert crossings() == set(MAY)
    assert not [path for path in crossings() if "views" in path or "admin" in path]
