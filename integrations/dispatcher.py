"""The dispatcher: one thread per worker process that keeps a window of deliveries in flight.

It claims no more than its free slots (a row that waits in a local batch would outlive its lease and
be sent twice), looks at the rest of the lease before the first byte, refills as slots free up, and
writes outcomes down in bulk. A slot is free when its outcome is in the database, not before.
"""

import asyncio
import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from math import inf
from typing import Any, TypeVar

import psycopg
import uvloop
from django.conf import settings
from django.db import Error, close_old_connections, connections

from integrations import answer, hints, http, pipeline
from integrations.answer import Call
from integrations.connectors.base import BlockingConnector
from integrations.core.delivery import DeliveryPolicy
from integrations.core.share import Share
from integrations.ledger import BROKEN_SECONDS, FLUSH_SECONDS, Ledger, report
from integrations.models import IntegrationObject, Level, Outcome
from integrations.models.claim import Claims
from integrations.plan import Plan, Plans
from integrations.tokens import Tokens
from otms import tracing
from otms.db.full import is_full
from otms.log import about

log = logging.getLogger(__name__)
T = TypeVar("T")

# What waits to be prepared, and who waits for it.
Unprepared = tuple[IntegrationObject, Plan, "asyncio.Future[Call | Outcome]"]

BUSY_SECONDS = 0.02  # until the gates are looked at again when other workers hold them
STOP_SECONDS = 65.0  # the longest call there may be, and what it takes to write it down
MAPPERS = 2
SLICE_SECONDS = 0.005  # of a mapper that one integration has at once
THREADS = 32  # for connectors that wait; a hanging target has at most THREADS_EACH of them
THREADS_EACH = 8


class Dispatcher:
    """A rolling window of deliveries over the queue.

    Four kinds of threads: the event loop (calls over HTTP), one for the database, a few for
    mapping, more for connectors that wait.
    """

    def __init__(self, *, window: int | None = None, poll: float | None = None) -> None:
        self._size = window or settings.OTMS_WINDOW
        self._poll = settings.OTMS_POLL_SECONDS if poll is None else poll
        self._plans = Plans()
        self._turns: dict[Any, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._unprepared: dict[Any, deque[Unprepared]] = defaultdict(deque)
        self._rooms: dict[Any, asyncio.Semaphore] = defaultdict(
            partial(asyncio.Semaphore, THREADS_EACH)
        )
        self._share = Share(self._size)
        self._suspects: set[int] = set()  # of those, what was interrupted before: one at a time
        self._stopping = False
        self._looked = -inf  # when a claim came back, by the monotonic clock
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look = asyncio.Event()
        self._expecting = True  # has somebody said that there is something?
        self._ledger = Ledger(self._write, self._closed)
        self._listener = hints.Listener(self._expect)

    # From other threads.

    def start(self) -> None:
        self._thread = threading.Thread(target=self.run, name="otms-dispatcher", daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """There may be something to do."""
        if self._loop:
            with suppress(RuntimeError):  # it has just closed
                self._loop.call_soon_threadsafe(self._expect)

    @property
    def is_dead(self) -> bool:
        """Did its thread end without being told to?"""
        return not self._stopping and self._thread is not None and not self._thread.is_alive()

    @property
    def idle(self) -> float:
        """For how many seconds it has not looked at the queue; infinite before the first time."""
        return time.monotonic() - self._looked

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Claim no more, finish the calls that began, give the other leases back."""
        self._stopping = self._ledger.is_stopping = True
        self.poke()
        if self._thread:
            self._thread.join(timeout)

    def run(self, *, until_idle: bool = False) -> None:
        """Deliver until stopped, or until nothing is due and nothing in flight."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._main(until_idle))

    # On the event loop.

    async def _main(self, until_idle: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._database = ThreadPoolExecutor(1, "otms-dispatcher-db")
        self._mappers = ThreadPoolExecutor(MAPPERS, "otms-mapper")
        self._threads = ThreadPoolExecutor(THREADS, "otms-connector")
        self._free_threads = asyncio.Semaphore(THREADS)
        self._window = http.Window(limit=self._size)
        self._tokens = Tokens(self._window.send, self._in_database)
        writing = asyncio.create_task(self._ledger.keep())
        deliveries: set[asyncio.Task[None]] = set()
        try:
            while not self._stopping:
                await self._listen()
                self._look.clear()
                started = time.monotonic()
                claims = await self._claim()
                for obj in claims.objects:
                    task = asyncio.create_task(self._deliver(obj, started))
                    deliveries.add(task)
                    task.add_done_callback(deliveries.discard)
                if claims.more or claims.deferred:
                    self._expecting = True
                    if not claims.objects:  # it may be a long transaction that holds their head
                        await self._wait(BUSY_SECONDS)
                    continue
                if until_idle and not (self._ledger.open or claims.busy or self._look.is_set()):
                    break
                await self._wait(BUSY_SECONDS if claims.busy else self._poll)
            while self._ledger.open:
                await asyncio.sleep(FLUSH_SECONDS)
        finally:
            writing.cancel()
            self._listener.close()
            await self._window.close()
            self._mappers.shutdown(wait=False)
            self._threads.shutdown(wait=False)
            await self._in_database(connections.close_all)
            self._database.shutdown(wait=False)

    def _expect(self) -> None:
        self._expecting = True
        self._look.set()

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._look.wait(), seconds or None)

    async def _listen(self) -> None:
        """Before the queue is looked at: what comes after that is heard."""
        if self._listener.is_deaf and settings.OTMS_WAKE_UPS:
            try:
                self._listener.listen(await self._in(self._database, self._listener.connect))
            except (Error, psycopg.Error):  # who reads the queue next says so
                self._listener.rest()

    async def _claim(self) -> Claims:
        if self._ledger.is_stuck:  # what is sent now could not be written down either
            await self._wait_for_room()
            return Claims(busy=True)
        if self._share.free <= 0:
            return Claims()
        expected, self._expecting = self._expecting, False
        try:
            claims = await self._in_database(
                self._claim_due, suspect=not self._suspects, expected=expected
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the loop must outlive it
            if is_full(error):
                await self._wait_for_room(error)
            else:
                report("the queue can't be read", error)
                await asyncio.sleep(BROKEN_SECONDS)
            return Claims(busy=True)
        self._looked = time.monotonic()
        if claims.objects:
            self._ledger.there_is_room()
        self._ledger.open |= {obj.pk for obj in claims.objects}
        for obj in claims.objects:
            self._share.take(obj.platform_id, obj.integration_id)
        self._suspects |= {obj.pk for obj in claims.objects if obj.interrupted}
        return claims

    async def _wait_for_room(self, error: Exception | None = None) -> None:
        self._looked = time.monotonic()  # it does not hang, which the watchdog looks for
        await self._ledger.wait_for_room(error)

    def _claim_due(self, *, suspect: bool, expected: bool) -> Claims:
        share = self._share
        claims = IntegrationObject.objects.claim_due(
            share.free, share=share, suspect=suspect, expected=expected
        )
        try:
            self._plans.refresh(claims.objects)
            self._plans.recall(claims.objects)
        except Exception:
            # Nobody would deliver them: to the others they would look like interrupted, one by one.
            close_old_connections()
            text = "The worker could not read its integration."
            IntegrationObject.objects.finish([obj.release(text) for obj in claims.objects])
            raise
        return claims

    async def _deliver(self, obj: IntegrationObject, claimed: float) -> None:
        trace = obj.change.traced
        parent = (trace.parent, trace.state) if trace else None
        with (
            about(object=obj.uuid, change=obj.change_id),
            tracing.span("deliver", "consumer", parent) as span,
        ):
            made = await self._outcome(obj, claimed)
            self._ledger.put(made)
            if span.is_wanted:
                span.tell(_described(made), failed=made.level == Level.ERROR)

    async def _outcome(self, obj: IntegrationObject, claimed: float) -> Outcome:
        policy, redacts = DeliveryPolicy.of(None), True
        try:
            plan = self._plans[obj]
            policy, redacts = plan.policy, bool(plan.redaction)
            made = await self._prepared(obj, plan)
            return await self._call(made, claimed) if isinstance(made, Call) else made
        except Exception as error:  # a fault of ours must not lose the object, nor stop the others
            # What an error of Python says may be what the integration redacts.
            said = "" if redacts else f": {error}"
            text = f"A fault in the engine: {type(error).__name__}{said}"
            where = {"object": str(obj.uuid), "error": type(error).__name__}
            log.error(
                "a delivery failed in our own code",
                extra=where,
                exc_info=None if redacts else error,
            )
            return obj.fail("engine_fault", text, policy, permanent=False)

    async def _prepared(self, obj: IntegrationObject, plan: Plan) -> Call | Outcome:
        """The call to make; of those of an integration that wait for theirs some are made at once.

        They have one thread between them, so that no integration's mapping has all there are.
        """
        made: asyncio.Future[Call | Outcome] = asyncio.get_running_loop().create_future()
        waiting = self._unprepared[obj.integration_id]
        waiting.append((obj, plan, made))
        await asyncio.sleep(0)  # the others that were claimed with it come too
        async with self._turns[obj.integration_id]:
            if not made.done():
                for each, call, error in await self._in(self._mappers, _prepare_some, waiting):
                    each.set_exception(error) if error else each.set_result(call)
        return await made

    async def _call(self, call: Call, claimed: float) -> Outcome:
        connector = call.step.connector
        if not isinstance(connector, BlockingConnector):
            return await self._send(call, claimed, self._window.send)
        # A call that waits for its thread uses up its lease; that is looked at when it has one.
        async with self._rooms[call.object.integration_id], self._free_threads:
            send = partial(self._in, self._threads, connector.call)
            return await self._send(call, claimed, send)

    async def _send(
        self, call: Call, claimed: float, send: Callable[..., Awaitable[http.Exchange]]
    ) -> Outcome:
        timeout = call.plan.policy.timeout
        # As it was given: the integration may have been saved with another timeout since.
        lease = call.object.lease.total_seconds()
        if self._stopping:
            return call.object.release("The worker is stopping.")
        if claimed + lease - time.monotonic() < timeout:
            return call.object.release("Too little was left of the lease for a whole call.")
        told = {"http.request.method": call.request.method}
        with tracing.span(call.request.method, "client", attributes=told) as span:
            request = _traced(call.request, span)
            if grant := call.step.connector.grant:
                exchange = await self._tokens.send(
                    call.step.source.pk, grant, request, send, timeout=timeout
                )
            else:
                exchange = await send(request, timeout=timeout)
            answered = {"http.response.status_code": exchange.status or ""}
            span.tell(answered | {"error.type": exchange.error_kind}, failed=bool(exchange.error))
        if call.plan.redaction or call.step.reads:  # which may take its time, as a mapping
            return await self._in(self._mappers, answer.judge, call, exchange)
        return answer.judge(call, exchange)

    async def _write(self, outcomes: list[Outcome]) -> list[Outcome]:
        return await self._in_database(IntegrationObject.objects.finish, outcomes)

    def _closed(self, outcomes: list[Outcome]) -> None:
        """These have left the window; what waits for a slot may come."""
        for outcome in outcomes:
            self._share.take(outcome.object.platform_id, outcome.object.integration_id, -1)
        self._suspects &= self._ledger.open
        self._look.set()

    async def _in_database(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return await self._in(self._database, _with_fresh_connection, function, *args, **kwargs)

    async def _in(
        self, pool: ThreadPoolExecutor, function: Callable[..., T], *args: Any, **kwargs: Any
    ) -> T:
        # With what log lines and spans are about.
        call = partial(copy_context().run, function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(pool, call)


def _described(outcome: Outcome) -> dict[str, Any]:
    """What a span says of a delivery."""
    obj = outcome.object
    return {
        "otms.object": str(obj.uuid),
        "otms.change": obj.change_id,
        "otms.integration": str(obj.integration_id),
        "otms.platform": str(obj.platform_id),
        "otms.attempt": obj.attempts,
        "otms.outcome": outcome.code,
    }


def _traced(request: http.Request, span: tracing.Span) -> http.Request:
    """The request, which says that it comes from this span; as it is if there is none."""
    if not span.is_wanted or "traceparent" not in request.headers:
        return request
    return replace(request, headers={**request.headers, **span.headers})


def _prepare_some(waiting: deque[Unprepared]) -> list[Any]:
    """Prepare what waits, the first and as many more as fit into a moment: else a hop to another
    thread would cost more than what is done there."""
    made: list[Any] = []
    end = time.monotonic() + SLICE_SECONDS
    while waiting and (not made or time.monotonic() < end):
        obj, plan, future = waiting.popleft()
        try:
            made.append((future, pipeline.prepare(obj, plan), None))
        except Exception as error:  # noqa: BLE001 - it belongs to this object, not to the others
            made.append((future, None, error))
    return made


def _with_fresh_connection(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """No request ends here, so nobody else drops a connection that broke."""
    close_old_connections()
    return function(*args, **kwargs)
