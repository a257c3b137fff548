"""The access tokens of a worker: from memory, else from the database, else fetched once for all.

A token is fetched by whoever claims the right to; the others of this process wait for it, and so do
those of other processes, no longer than their own call may last.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, NamedTuple

from integrations.http import Exchange, Grant, NotGranted, Request
from integrations.models import AccessToken
from integrations.models.access_token import Claimed, Held, fingerprint

UNAUTHORIZED = 401
# A token that is younger than this was not too old for the target: another would fare no better.
YOUNG_SECONDS = 10.0
LOOK_SECONDS = 0.1  # until it is looked again whether another worker has it
SHORTEST_SECONDS = 0.5  # for a call with another token

Send = Callable[..., Awaitable[Exchange]]
InDatabase = Callable[..., Awaitable[Any]]


class Kept(NamedTuple):
    """A token in memory; times are of the monotonic clock."""

    grant: str
    held: Held
    since: float

    @property
    def is_good(self) -> bool:
        return time.monotonic() < self.since + self.held.seconds

    @property
    def age(self) -> float:
        return self.held.age + time.monotonic() - self.since


class Tokens:
    """The access tokens of one event loop, by data source."""

    def __init__(self, send: Send, in_database: InDatabase) -> None:
        self._send = send
        self._in_database = in_database
        self._kept: dict[Any, Kept] = {}
        self._fetching: dict[Any, asyncio.Task[Kept]] = {}

    async def send(
        self, source: Any, grant: Grant, request: Request, send: Send, *, timeout: float
    ) -> Exchange:
        """Make a call that bears a token, `timeout` seconds in all, the token's fetching too.

        A target that answers 401 to a token that was good once is called again with another: that
        is one attempt, and there is no third call in it.
        """
        deadline = time.monotonic() + timeout
        try:
            kept = await self._token(source, grant, deadline)
            exchange = await send(request.bearing(kept.held.text), timeout=_left(deadline))
            if exchange.status != UNAUTHORIZED or kept.age < YOUNG_SECONDS:
                return exchange
            await self._drop(source, kept)
            if _left(deadline) < SHORTEST_SECONDS:
                text = (
                    "The target refused the stored token (401), and there was no time for another."
                )
                return replace(exchange, status=None, error_kind="busy", error=text)
            another = await self._token(source, grant, deadline)
        except NotGranted as error:
            headers = {"retry-after": error.retry_after} if error.retry_after else {}
            return Exchange(
                request,
                headers=headers,
                error=error.message,
                error_kind=error.kind,
                duration_ms=(timeout - deadline + time.monotonic()) * 1000,
            )
        exchange = await send(request.bearing(another.held.text), timeout=_left(deadline))
        return replace(
            exchange, note="The stored access token was refused; this is with a new one."
        )

    async def _token(self, source: Any, grant: Grant, deadline: float) -> Kept:
        name = fingerprint(grant)
        kept = self._kept.get(source)
        if kept and kept.grant == name and kept.is_good:
            return kept
        key = source, name
        task = self._fetching.get(key)
        if task is None:
            task = asyncio.create_task(self._obtained(source, grant, deadline))
            self._fetching[key] = task
            task.add_done_callback(lambda done: self._end(key, done))
        try:
            # Who can't wait any longer leaves it to the others.
            return await asyncio.wait_for(asyncio.shield(task), max(_left(deadline), 0))
        except TimeoutError:
            where = grant.request().where
            raise NotGranted("timeout", f"There was no token in time from {where}.") from None

    def _end(self, key: Any, task: asyncio.Task[Kept]) -> None:
        del self._fetching[key]
        if not task.cancelled():
            task.exception()  # those who waited have it

    async def _obtained(self, source: Any, grant: Grant, deadline: float) -> Kept:
        held = await self._held(source, grant, deadline)
        self._kept[source] = Kept(fingerprint(grant), held, time.monotonic())
        return self._kept[source]

    async def _held(self, source: Any, grant: Grant, deadline: float) -> Held:
        awaited = 0
        while True:
            left = _left(deadline)
            if left <= 0:
                text = "Another worker did not get a token in time."
                raise NotGranted("timeout", text)
            found = await self._in_database(
                AccessToken.look, source, grant, timeout=left, awaited=awaited
            )
            if isinstance(found, Held):
                return found
            if isinstance(found, Claimed):
                return await self._fetched(source, grant, found, deadline)
            awaited = max(found.fence, awaited)
            await asyncio.sleep(LOOK_SECONDS)

    async def _fetched(self, source: Any, grant: Grant, claim: Claimed, deadline: float) -> Held:
        exchange = await self._send(grant.request(), timeout=max(_left(deadline), 0))
        try:
            token = grant.read(exchange)
        except NotGranted as failure:
            await self._in_database(AccessToken.fail, source, claim, failure)
            raise
        held: Held = await self._in_database(AccessToken.keep, source, claim, token)
        return held

    async def _drop(self, source: Any, kept: Kept) -> None:
        if self._kept.get(source) is kept:
            del self._kept[source]
        await self._in_database(AccessToken.drop, source, kept.held.fence)


def _left(deadline: float) -> float:
    return deadline - time.monotonic()
