"""The dispatcher: one thread per worker process that keeps a window of deliveries in flight.

It claims no more than its free slots (a row that waits in a local batch would outlive its lease and
be sent twice), looks at the rest of the lease before the first byte, refills as slots free up, and
writes outcomes down in bulk. A slot is free when its outcome is in the database, not before.
"""

import asyncio
import logging
import os
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

import uvloop
from django.conf import settings
from django.db import DataError, Error, IntegrityError, close_old_connections, connections

from integrations import answer, http, pipeline
from integrations.answer import Call
from integrations.connectors.base import BlockingConnector
from integrations.core.delivery import DeliveryPolicy
from integrations.core.share import Share
from integrations.models import IntegrationObject, Level, Outcome
from integrations.models.claim import Claims
from integrations.plan import Plan, Plans
from integrations.tokens import Tokens
from otms import tracing
from otms.log import about

log = logging.getLogger(__name__)
T = TypeVar("T")

# What waits to be prepared, and who waits for it.
Unprepared = tuple[IntegrationObject, Plan, "asyncio.Future[Call | Outcome]"]

FLUSH_SECONDS = 0.02
FLUSH_ROWS = 100
BUSY_SECONDS = 0.02  # until the gates are looked at again when other workers hold them
BROKEN_SECONDS = 1.0  # until the database is tried again
STOP_SECONDS = 65.0  # the longest call there may be, and what it takes to write it down
MAPPERS = 2
SLICE_SECONDS = 0.005  # of a mapper that one integration has at once
THREADS = 32  # for connectors that wait; a hanging target has at most THREADS_EACH of them
THREADS_EACH = 8

_LEVELS = {
    Level.DEBUG: logging.DEBUG,
    Level.INFO: logging.INFO,
    Level.WARNING: logging.WARNING,
    Level.ERROR: logging.ERROR,
}


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
        self._in_flight: set[int] = set()
        self._share = Share(self._size)
        self._suspects: set[int] = set()  # of those, what was interrupted before: one at a time
        self._outcomes: list[Outcome] = []
        self._stopping = False
        self._looked = -inf  # when a claim came back, by the monotonic clock
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look = asyncio.Event()
        self._answered = asyncio.Event()

    # From other threads.

    def start(self) -> None:
        self._thread = threading.Thread(target=self.run, name="otms-dispatcher", daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """There may be something to do."""
        if self._loop:
            with suppress(RuntimeError):  # it has just closed
                self._loop.call_soon_threadsafe(self._look.set)

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
        self._stopping = True
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
        flusher = asyncio.create_task(self._keep_flushing())
        deliveries: set[asyncio.Task[None]] = set()
        try:
            while not self._stopping:
                self._look.clear()
                started = time.monotonic()
                claims = await self._claim()
                for obj in claims.objects:
                    task = asyncio.create_task(self._deliver(obj, started))
                    deliveries.add(task)
                    task.add_done_callback(deliveries.discard)
                if claims.more or claims.deferred:
                    continue
                if until_idle and not (self._in_flight or claims.busy or self._look.is_set()):
                    break
                await self._wait(BUSY_SECONDS if claims.busy else self._poll)
            while self._in_flight:
                await asyncio.sleep(FLUSH_SECONDS)
        finally:
            flusher.cancel()
            await self._window.close()
            self._mappers.shutdown(wait=False)
            self._threads.shutdown(wait=False)
            await self._in_database(connections.close_all)
            self._database.shutdown(wait=False)

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._look.wait(), seconds or None)

    async def _claim(self) -> Claims:
        if self._share.free <= 0:
            return Claims()
        try:
            claims = await self._in_database(self._claim_due, suspect=not self._suspects)
        except Exception as error:  # noqa: BLE001 - whatever it is, the loop must outlive it
            _report("the queue can't be read", error)
            await asyncio.sleep(BROKEN_SECONDS)
            return Claims(busy=True)
        self._looked = time.monotonic()
        self._in_flight |= {obj.pk for obj in claims.objects}
        for obj in claims.objects:
            self._share.take(obj.platform_id, obj.integration_id)
        self._suspects |= {obj.pk for obj in claims.objects if obj.interrupted}
        return claims

    def _claim_due(self, *, suspect: bool) -> Claims:
        share = self._share
        claims = IntegrationObject.objects.claim_due(share.free, share=share, suspect=suspect)
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
            self._outcomes.append(made)
            self._answered.set()
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

    async def _keep_flushing(self) -> None:
        while True:
            await self._answered.wait()
            if len(self._outcomes) < min(FLUSH_ROWS, len(self._in_flight)):
                await asyncio.sleep(FLUSH_SECONDS)
            self._answered.clear()
            await self._flush()

    async def _flush(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        while outcomes:
            batch, outcomes = outcomes[:FLUSH_ROWS], outcomes[FLUSH_ROWS:]
            await self._write(batch)
            for outcome in batch:
                self._in_flight.discard(outcome.object.pk)
                self._share.take(outcome.object.platform_id, outcome.object.integration_id, -1)
            self._suspects &= self._in_flight
            self._look.set()

    async def _write(self, batch: list[Outcome]) -> None:
        """Write outcomes down; a database that is away is waited for, what it refuses is left out.

        What stays unwritten is found again when its lease is over.
        """
        while batch:
            try:
                standing = await self._in_database(IntegrationObject.objects.finish, batch)
            except Exception as error:  # noqa: BLE001 - one must not keep the others waiting
                _report("outcomes can't be written", error)
                if _is_away(error):
                    await asyncio.sleep(BROKEN_SECONDS)
                    if time.time() > max(
                        each.object.due_at.timestamp() for each in batch if each.object.due_at
                    ):
                        return
                elif len(batch) > 1:
                    for outcome in batch:
                        await self._write([outcome])
                    return
                else:
                    less = batch[0].reduced()
                    batch = [less] if less else []
            else:
                for outcome in standing:
                    _tell(outcome)
                return

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


def _is_away(error: Exception) -> bool:
    """Is it the database that can't work now, or what it was given that it refuses?"""
    return isinstance(error, Error) and not isinstance(error, (DataError, IntegrityError))


def _report(what: str, error: Exception) -> None:
    """In one line if it comes from the database, in full if it is a fault of ours."""
    trace = None if isinstance(error, Error) else error
    log.error(what, extra={"error": str(error).strip()}, exc_info=trace)


def _tell(outcome: Outcome) -> None:
    """One line for each transition, for support to read."""
    obj = outcome.object
    log.log(
        _LEVELS[outcome.level],
        outcome.message,
        extra={
            "code": outcome.code,
            "object": obj.uuid,
            "change": obj.change_id,
            "integration": obj.integration_id,
            "reference": obj.reference if obj.told_as is None else obj.told_as,
            "attempt": obj.attempts,
        },
    )


# The dispatcher of this process.

_current: Dispatcher | None = None
_pid = 0
_lock = threading.RLock()  # a signal may come to the thread that holds it


def poke() -> None:
    """Have this process's dispatcher look at the queue; the first poke starts it.

    One that was stopped stays so: a late hint must not lease what nobody will deliver.
    """
    global _current, _pid
    with _lock:
        if _current is None or _pid != os.getpid() or _current.is_dead:
            _current, _pid = Dispatcher(), os.getpid()
            _current.start()
    _current.poke()


def idle() -> float:
    """For how many seconds this process has not looked at the queue; infinite if it never did."""
    return _current.idle if _current is not None and _pid == os.getpid() else inf


def stop(timeout: float = STOP_SECONDS) -> None:
    """Let the calls in flight finish, and give the other leases back."""
    if _current is not None and _pid == os.getpid():
        _current.stop(timeout)
