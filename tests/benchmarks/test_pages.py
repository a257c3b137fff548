"""How long the admin's pages take when there is a long history, and what they ask the database."""

import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from integrations.models import Counter, Integration, IntegrationObject, Log, RequestLog, Status
from otms.accounts.models import Platform
from tests import make
from tests.benchmarks import stock
from tests.chaos.storm import FULL

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

OBJECTS, LINES_EACH = (1_000_000, 10) if FULL else (20_000, 10)
ORDERS = OBJECTS // 5
INTEGRATIONS = 50  # as many as the first page shows
LOOKS = 5
MOST_STATEMENTS = 20
WHERE = "admin:integrations_integrationobject_where"
WORKBENCH = "admin:integrations_integration_workbench"
PAGES = {
    "home": "index",
    "tasks": "integrations_task_changelist",
    "alerts": "integrations_alert_changelist",
    "audit trail": "accounts_auditentry_changelist",
}
# Lists that grow, and how they are narrowed.
LISTS = {
    "integrations_integrationobject": {
        "failed": "status__exact=ERROR",
        "cancelled, of which there are none": "status__exact=CANCELLED",
        "one integration": "{one}",
        "one integration, failed": "{one}&status__exact=ERROR",
        "from the middle on": "p={middle}",
        "a number": "q=order+77",
        "nothing is called so": "q=nothing",
        "this year": "created_at__gte=2026-01-01+00:00:00%2B00:00",
    },
    "integrations_log": {
        "errors": "level__exact=error",
        "a code": "code=target_refused",
        "one integration, errors": "{one}&level__exact=error",
        "one integration, words that stand there": "{one}&q=of+its+story",
        "one integration, words that don't": "{one}&q=zzz",
        "a number": "q=order+77",
    },
    "integrations_requestlog": {
        "refused, of which there are none": "answer=4xx",
        "one integration, broken": "{one}&answer=5xx",
        "one integration, words that don't": "{one}&q=zzz",
        "tests": "test__exact=1",
    },
    "integrations_integration": {},
    "orders_transportorder": {"a name": "q=order+77", "nothing is called so": "q=nothing"},
}
# Of an order, what differs from the others.
TYPED = {
    "id": "gen_random_uuid()",
    "name": "'order ' || n",
    "order_id": "'R' || n",
    "created_at": "created_at - n * interval '1 minute'",
}
# Seldom, and long ago: what is looked for among much else.
STATES = {
    **stock.FINISHED,
    "status": "CASE WHEN n % 1000 = 0 THEN 'ERROR' WHEN n % 10 = 1 THEN 'SKIPPED'"
    " ELSE 'SUCCESS' END",
    "error": "CASE WHEN n % 1000 = 0 THEN 'erp.example answered 422: no customer.' ELSE '' END",
    "reference": "'order ' || n % 100000",
    "created_at": "now() - (n + 1) * interval '1 second'",
    "finished_at": "now() - (n + 1) * interval '1 second'",
}


@dataclass
class Look:
    """One page: how long it took, of several looks, and how many statements it needs."""

    name: str
    times: list[float]
    statements: int

    def __str__(self) -> str:
        middle, most = statistics.median(self.times) * 1000, max(self.times) * 1000
        return (
            f"  {self.name:<70} {middle:7.0f} ms (at most {most:.0f}), {self.statements} statements"
        )


@pytest.fixture
def history(platform: Platform, settings: LazySettings) -> SimpleNamespace:
    """Years of one platform: objects, ten lines and a call of each, orders, counters of a day."""
    settings.ALLOWED_HOSTS = ["testserver"]
    made = [
        make.integration("http://127.0.0.1/", platform=platform, name=f"ERP {number:02}")
        for number in range(INTEGRATIONS)
    ]
    stock.objects(made[0], OBJECTS, STATES)
    with connection.cursor() as cursor:
        ids = ", ".join(f"'{each.pk}'" for each in made)
        cursor.execute(
            f"UPDATE {stock.TABLE} SET integration_id = (ARRAY[{ids}]::uuid[])"
            f"[1 + id % {INTEGRATIONS}] WHERE id % 2 = 0"
        )
        stock.logs()
        cursor.execute(
            f"INSERT INTO {stock.LOG} (uuid, platform_id, integration_id, object_id, created_at,"
            " level, code, message) SELECT gen_random_uuid(), platform_id, integration_id, id,"
            " created_at, CASE WHEN id % 1000 = 0 THEN 'error' ELSE 'info' END,"
            " CASE WHEN id % 1000 = 0 THEN 'target_refused' ELSE 'mapped' END,"
            f" 'Line ' || line || ' of its story.'"
            f" FROM {stock.TABLE}, generate_series(2, {LINES_EACH}) line"
        )
        counters(made)
        order = make.OrderFactory(platform=platform, name="model", order_id="0")
        columns = [f.column for f in type(order)._meta.concrete_fields if f.column not in TYPED]
        cursor.execute(
            f"INSERT INTO orders_transportorder ({', '.join([*TYPED, *columns])})"
            f" SELECT {', '.join([*TYPED.values(), *columns])}"
            f" FROM orders_transportorder, generate_series(1, {ORDERS}) n"
        )
        cursor.execute("VACUUM ANALYZE")
    person = make.UserFactory(platform=platform, is_staff=True, is_superuser=True)
    return SimpleNamespace(platform=platform, integrations=made, person=person, order=order)


def counters(integrations: list[Integration]) -> None:
    """A day in which something was sent in each minute."""
    this = now().replace(second=0, microsecond=0)
    for each in integrations:
        Counter.objects.bulk_create(
            Counter(
                platform_id=each.platform_id,
                integration=each,
                minute=this - timedelta(minutes=back),
                sent=7,
            )
            for back in range(24 * 60)
        )


def pages(history: SimpleNamespace) -> Iterator[tuple[str, str]]:
    """Every kind of page that grows with history, and the ways people narrow the lists."""
    rows = IntegrationObject.objects.of(history.platform).order_by("-id")
    about = {
        "integrations_integrationobject": rows.filter(status=Status.ERROR).first(),
        "integrations_log": Log.objects.of(history.platform).order_by("-id").first(),
        "integrations_requestlog": RequestLog.objects.of(history.platform).order_by("-id").first(),
        "integrations_integration": history.integrations[0],
        "orders_transportorder": history.order,
    }
    here = {
        "one": f"integration__id__exact={history.integrations[0].pk}",
        "middle": rows.values_list("pk", flat=True)[OBJECTS // 2],
    }
    for name, page in PAGES.items():
        yield name, reverse(f"admin:{page}")
    yield "workbench", reverse(WORKBENCH, args=[history.integrations[0].pk])
    for model, record in about.items():
        yield f"one of {model}", reverse(f"admin:{model}_change", args=[record.pk])
    for model, ways in LISTS.items():
        address = reverse(f"admin:{model}_changelist")
        yield f"{model}", address
        for name, query in ways.items():
            yield f"{model}: {name}", f"{address}?{query.format(**here)}"
    for name, asked in {"a number": "R77", "nothing": "nothing+is+called+so"}.items():
        yield f"where is it: {name}", f"{reverse(WHERE)}?q={asked}"


def test_pages_are_as_fast_with_a_long_history(
    history: SimpleNamespace, figure: Callable[[str], None]
) -> None:
    client = Client()
    client.force_login(history.person)
    client.get(reverse("admin:index"))  # templates are read once
    found = []
    for name, address in pages(history):
        times = []
        for _ in range(LOOKS):
            started = time.perf_counter()
            answer = client.get(address)
            times.append(time.perf_counter() - started)
            assert answer.status_code in (200, 302), (name, answer.status_code)
        with CaptureQueriesContext(connection) as captured:
            client.get(address)
        asked = [each["sql"] for each in captured if re.match("SELECT|WITH", each["sql"])]
        found.append(Look(name, times, len(asked)))
    figure(
        f"pages with {OBJECTS:,} objects, {OBJECTS * LINES_EACH:,} lines, {OBJECTS:,} calls, "
        f"{ORDERS:,} orders, {INTEGRATIONS} integrations; median of {LOOKS}:"
    )
    for look in found:
        figure(str(look))
    slowest = max(found, key=lambda look: statistics.median(look.times))
    figure(f"  the slowest: {slowest.name}, {statistics.median(slowest.times) * 1000:.0f} ms")
    assert [look.name for look in found if look.statements > MOST_STATEMENTS] == []
