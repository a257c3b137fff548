"""Targets that want an access token: fetched once for all workers, and again when it is over."""

import logging
import time
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.db import connection
from django.utils.timezone import now

from integrations import definition, http
from integrations.connectors import webhook
from integrations.dispatcher import Dispatcher
from integrations.http import NotGranted, Token
from integrations.models import AccessToken, DataSource, Log, RequestLog, Status
from integrations.models.access_token import Awaited, Claimed, Held
from tests import make
from tests.at_once import at_once
from tests.queue.conftest import Queue, wait_for
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "client-secret-4711"


def lent(
    queue: Queue,
    sink: Sink,
    path: str = "/lent/1",
    token: str = f"/oauth/me/{SECRET}/3600",
    secret: str = SECRET,
    **fields: Any,
) -> DataSource:
    """A data source whose target wants tokens of that endpoint."""
    made = make.integration(platform=queue.platform, **fields)
    auth = {"type": "oauth2", "tokenUrl": sink.url(token), "clientId": "me"}
    return DataSource.objects.create(
        platform=queue.platform,
        integration=made,
        settings={"url": sink.url(path), "auth": auth},
        secrets={"auth.clientSecret": secret},
    )


def asked(sink: Sink) -> list[str]:
    """Which paths were called, in order."""
    return [request.path.split("/")[1] for request in sink.requests]


def age(source: DataSource, **fields: Any) -> None:
    """The stored token was fetched a minute ago, and what else is said of it."""
    fields = {"fetched_at": now() - timedelta(minutes=1), **fields}
    AccessToken.objects.filter(pk=source.pk).update(**fields)


def test_many_deliveries_take_one_token(queue: Queue, sink: Sink) -> None:
    source = lent(queue, sink, token=f"/oauth/me/{SECRET}/3600/200")
    for _ in range(8):
        queue.save_order()
    queue.run()
    assert {obj.status for obj in queue.all} == {Status.SUCCESS}
    assert asked(sink) == ["oauth"] + ["lent"] * 8
    row = AccessToken.objects.get(pk=source.pk)
    assert dict(row.secrets) == {"token": "lent-1"}
    assert 3500 < (row.expires_at - now()).total_seconds() < 3560
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM integrations_accesstoken")
        assert "lent" not in str(cursor.fetchall())


def test_another_worker_uses_the_token_that_is_there(queue: Queue, sink: Sink) -> None:
    lent(queue, sink)
    for _ in range(3):
        queue.save_order()
        queue.run()  # a dispatcher of its own, with an empty memory
    assert asked(sink) == ["oauth", "lent", "lent", "lent"]


def test_workers_at_the_same_moment_fetch_one_token(queue: Queue, sink: Sink) -> None:
    lent(queue, sink, token=f"/oauth/me/{SECRET}/3600/700", delivery={"concurrency": 2})
    for _ in range(8):
        queue.save_order()
    workers = [Dispatcher(window=2, poll=0.05) for _ in range(3)]
    for each in workers:
        each.start()
    wait_for(lambda: {obj.status for obj in queue.all} == {Status.SUCCESS}, 60)
    for each in workers:
        each.stop()
    assert sorted(asked(sink)) == ["lent"] * 8 + ["oauth"]


def test_a_token_that_is_over_is_replaced(queue: Queue, sink: Sink) -> None:
    source = lent(queue, sink, path="/lent/1")
    queue.save_order()
    queue.run()
    age(source, expires_at=now())
    queue.save_order()
    queue.run()
    assert asked(sink) == ["oauth", "lent", "oauth", "lent"]
    assert AccessToken.objects.get().secrets == {"token": "lent-2"}


def test_another_client_gets_another_token(queue: Queue, sink: Sink) -> None:
    source = lent(queue, sink)
    queue.save_order()
    queue.run()
    source.settings["auth"]["scope"] = "more"
    source.save()
    queue.save_order()
    queue.run()
    assert asked(sink) == ["oauth", "lent", "oauth", "lent"]


def test_a_target_that_refuses_an_old_token_is_called_with_a_new_one_in_the_same_attempt(
    queue: Queue, sink: Sink
) -> None:
    source = lent(queue, sink, path="/lent/2")
    http.call(grant(source).request(), timeout=30)  # lent-1
    AccessToken.keep(source.pk, look(source), Token("lent-1", 3600))
    age(source)
    queue.save_order()
    queue.run()
    obj = queue.only
    assert (obj.status, obj.attempts) == (Status.SUCCESS, 1)
    assert asked(sink) == ["oauth", "lent", "oauth", "lent"]
    (line,) = Log.objects.of(queue.platform).filter(object=obj)
    assert "The stored access token was refused; this is with a new one." in line.message


def test_a_target_that_refuses_every_token_is_not_called_without_end(
    queue: Queue, sink: Sink
) -> None:
    source = lent(queue, sink, path="/lent/99")
    queue.save_order()
    queue.run()
    assert asked(sink) == ["oauth", "lent"]  # the token was new: another would be no better
    assert queue.only.status == Status.ERROR
    assert "answered 401" in queue.only.error
    age(source)
    queue.all.requeue()
    queue.run()
    assert asked(sink) == ["oauth", "lent", "lent", "oauth", "lent"]
    assert queue.only.status == Status.ERROR


def test_a_refused_client_is_an_error_that_says_so_and_no_secret(
    queue: Queue, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    lent(queue, sink, secret="another-secret")
    for _ in range(3):
        queue.save_order()
    with caplog.at_level(logging.DEBUG):
        queue.run()
    assert {obj.status for obj in queue.all} == {Status.ERROR}
    error = queue.all[0].error
    assert "The token endpoint at " in error
    assert "refused: invalid_client (Who is that?)." in error
    lines = Log.objects.of(queue.platform)
    assert {line.code for line in lines} == {"token_refused"}
    assert "lent" not in asked(sink)
    requests = RequestLog.objects.of(queue.platform)
    said = [str(vars(each)) for each in (*lines, *requests, *AccessToken.objects.all())]
    for text in (*said, caplog.text):
        assert "another-secret" not in text


@pytest.mark.parametrize("path", ["/status/503", "/retry/429/120", "/close"])
def test_a_token_endpoint_that_is_down_is_tried_again(queue: Queue, sink: Sink, path: str) -> None:
    sink.answers("/tokens", path)
    lent(queue, sink, token="/tokens")
    queue.save_order()
    queue.run()
    obj = queue.only
    assert (obj.status, obj.attempts) == (Status.RETRY, 1)
    if "429" in path:
        assert obj.due_at
        assert (obj.due_at - now()).total_seconds() > 100
    sink.answers("/tokens", f"/oauth/me/{SECRET}")
    queue.run_when_due()
    assert queue.only.status == Status.SUCCESS


def test_a_token_endpoint_that_never_answers_delays_nobody_else(queue: Queue, sink: Sink) -> None:
    lent(queue, sink, token="/hang", delivery={"timeout": 5, "concurrency": 8})
    quick = make.integration(sink.url("/ok"), platform=queue.platform)
    for _ in range(12):
        queue.save_order()
    running = Dispatcher(window=16, poll=0.05)
    running.start()
    started = time.monotonic()
    try:
        wait_for(
            lambda: queue.all.filter(integration=quick, status=Status.SUCCESS).count() == 12, 30
        )
        waited = time.monotonic() - started
        assert not queue.all.filter(status=Status.RETRY).exists() or waited < 5
        assert asked(sink).count("hang") == 1
        wait_for(lambda: queue.all.filter(status=Status.RETRY).exists(), 30)
    finally:
        running.stop()
    assert asked(sink).count("lent") == 0
    late = queue.all.filter(status=Status.RETRY).first()
    assert "No complete answer within" in late.error or "no token in time" in late.error


def test_a_token_endpoint_inside_is_never_called(
    queue: Queue, sink: Sink, settings: LazySettings
) -> None:
    lent(queue, sink, path="/ok")
    settings.OTMS_EGRESS_ALLOW = []
    queue.save_order()
    queue.run()
    assert queue.only.status == Status.ERROR
    assert "The token endpoint at" in queue.only.error
    assert "is a loopback address" in queue.only.error
    assert asked(sink) == []


# The row that all workers see.


def grant(source: DataSource) -> Any:
    return webhook.Connector(source.settings, source.secrets).grant


def look(source: DataSource, **more: Any) -> Any:
    return AccessToken.look(source.pk, grant(source), **{"timeout": 10, **more})


def test_one_of_many_gets_the_right_to_fetch(queue: Queue, sink: Sink) -> None:
    source = lent(queue, sink)
    found = at_once(6, lambda: look(source))
    assert sorted(type(each).__name__ for each in found) == ["Awaited"] * 5 + ["Claimed"]


def test_a_worker_that_dies_while_it_fetches_is_succeeded(queue: Queue, sink: Sink) -> None:
    source = lent(queue, sink)
    dead = look(source)
    assert isinstance(look(source), Awaited)
    AccessToken.objects.update(leased_until=now())
    heir = look(source)
    assert heir == Claimed(dead.fence + 1)
    AccessToken.keep(source.pk, dead, Token("too-late", 3600))
    assert isinstance(look(source), Awaited)
    AccessToken.keep(source.pk, heir, Token("in-time", 3600))
    assert look(source).text == "in-time"


def test_who_waited_for_a_token_hears_why_there_is_none(queue: Queue, sink: Sink) -> None:
    source = lent(queue, sink)
    claim = look(source)
    waiting = look(source)
    AccessToken.fail(source.pk, claim, NotGranted("token", "It refused: invalid_client."))
    with pytest.raises(NotGranted, match="invalid_client") as heard:
        look(source, awaited=waiting.fence)
    assert heard.value.kind == "token"
    assert isinstance(look(source), Claimed)  # who comes later asks anew


def test_a_refused_token_is_dropped_once(queue: Queue, sink: Sink) -> None:
    source = lent(queue, sink)
    AccessToken.keep(source.pk, look(source), Token("first", 3600))
    first = look(source)
    assert isinstance(first, Held)
    AccessToken.drop(source.pk, first.fence)
    AccessToken.keep(source.pk, look(source), Token("second", 3600))
    AccessToken.drop(source.pk, first.fence)  # another worker, a little later
    assert look(source).text == "second"


def test_a_data_source_that_is_gone_keeps_no_token(queue: Queue, sink: Sink) -> None:
    source = lent(queue, sink)
    wanted = grant(source)
    id = source.pk
    source.delete()
    claim = AccessToken.look(id, wanted, timeout=1)
    assert isinstance(claim, Claimed)
    assert AccessToken.keep(id, claim, Token("t", 3600)).text == "t"
    assert not AccessToken.objects.exists()


def test_a_token_that_no_key_opens_is_fetched_anew(
    queue: Queue, sink: Sink, settings: LazySettings
) -> None:
    source = lent(queue, sink)
    wanted = grant(source)
    AccessToken.keep(source.pk, look(source), Token("t", 3600))
    settings.OTMS_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert isinstance(AccessToken.look(source.pk, wanted, timeout=1), Claimed)


def test_its_token_goes_with_a_data_source(queue: Queue, sink: Sink) -> None:
    source = lent(queue, sink)
    AccessToken.keep(source.pk, look(source), Token("t", 3600))
    integration = source.integration
    definition.save(queue.platform, {"data_sources": []}, integration)
    assert not AccessToken.objects.exists()
