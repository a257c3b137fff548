"""A secret is typed at every place that there is for one, and found nowhere in clear afterwards.

The places are found, not listed: the write-only fields of every connector, the secret settings of
every app, the write-only fields of every call. A new one is in this test by itself.
"""

import base64
import json
import logging
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from django.conf import LazySettings

from integrations import connectors
from integrations.models import RequestLog
from tests import make
from tests.admin.conftest import Browser, furnish
from tests.conftest import Api
from tests.security.calls import (
    a_fault_of_ours,
    every_call_that_takes_a_secret,
    every_header_and_query,
    everything_that_is_read,
)
from tests.security.day import Day, Lines
from tests.security.deliveries import every_app, everything_that_delivers, typed_in, ways
from tests.security.people import credentials, people, second_factor
from tests.security.planted import Planted, dump_of_the_database, dump_of_the_records
from tests.sink import Sink

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def day(planted: Planted) -> Day:
    return Day(planted)


def test_every_secret_of_every_connector_has_its_place_here() -> None:
    there = ways("http://127.0.0.1:1/")
    for key in connectors.known():
        typed: set[str] = set()
        for settings in there.get(key, []):
            typed_in(settings, lambda path: typed.add(path) or "")  # noqa: B023
        assert typed == set(connectors.load(key).secret_names()), f"say in ways() where of {key}"


@pytest.mark.long
def test_a_secret_is_found_nowhere_in_clear(
    planted: Planted,
    day: Day,
    lines: Lines,
    sink: Sink,
    run_queue: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    figure: Callable[[str], None],
    settings: LazySettings,
) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
    settings.EMAIL_HOST_USER = "otms"
    settings.EMAIL_HOST_PASSWORD = planted.text("the mail server's password")
    own = furnish(make.PlatformFactory(), "own")
    browser = Browser(own.user)
    api = Api(make.token(own.user))
    api.platform = own.platform  # type: ignore[attr-defined]

    def order() -> None:
        make.OrderFactory(platform=own.platform)
        run_queue()

    everything_that_delivers(planted, day, sink, api, order)
    every_app(planted, day, sink, api)
    order()
    assert every_call_that_takes_a_secret(planted, day, api) >= 2
    every_header_and_query(planted, day, browser)
    people(planted, day, browser, api)
    credentials(planted, day, api, own.integration)
    second_factor(planted, day, make.UserFactory(platform=own.platform, username="otto"))
    a_fault_of_ours(planted, day, api, browser, monkeypatch)
    everything_that_is_read(day, api, browser, own)
    # It was a day on which things happened: else nothing that is not found would mean a thing.
    delivered = RequestLog.objects.of(own.platform)
    assert {200, 302, 401, 404, 500} <= set(delivered.values_list("response_status", flat=True))
    assert {200, 400, 401, 404, 500} <= day.calls.keys()
    assert len(planted.places) > 40
    assert len(lines.texts) > 100
    assert any("***" in row.response_body for row in delivered)

    streams = capfd.readouterr()
    texts = [
        *day.seen,
        *(("a log line", text) for text in lines.texts),
        *((f"the table {table}", text) for table, text in dump_of_the_database().items()),
        ("dumpdata", dump_of_the_records()),
        ("standard output", streams.out),
        ("standard error", streams.err),
    ]
    found = [
        f"{where}: {sorted(places)[:3]}: {planted.around(text)!r}"
        for where, text in texts
        if (places := planted.found_in(text))
    ]
    assert not found, "\n".join(found[:20])
    figure(
        f"{len(planted.places)} secrets planted, {day.calls.total()} calls "
        f"({dict(sorted(day.calls.items()))}), {delivered.count()} exchanges, "
        f"{len(lines.texts)} log lines, {len(texts)} texts looked through: 0 found"
    )


def test_what_is_planted_would_be_found(planted: Planted) -> None:
    secret = planted.mixed("here")
    for spelled in (
        secret,
        quote(secret),
        json.dumps(secret),
        secret[::-1],
        base64.b64encode(f"user:{secret}".encode()).decode(),
        base64.b64encode(secret.encode()).decode(),
        secret[: len(secret) // 2 + 6],
        secret[len(secret) // 2 - 6 :],
        planted.keep("shown", "a.b.0123456789"),
    ):
        assert planted.found_in(f"so it is {spelled}.")
    assert planted.found_in("***") == set()
