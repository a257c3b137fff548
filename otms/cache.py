"""What processes count together: a cache in Redis, and one of this process while Redis is away.

Nothing in here is a fact: it may vanish at any moment. No request waits for it for long, and none
fails because of it.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis import RedisError

PAUSE = 5.0  # seconds that nobody asks a Redis that did not answer
MOST_KEPT = 20_000  # callers that one process counts
_FEW = 1e-3  # of an interval: what arithmetic may be wrong by

log = logging.getLogger(__name__)


class Allowance(NamedTuple):
    """What a caller has left of a quota."""

    left: int  # calls that may still be made at once
    reset: float  # seconds until the whole quota is there again
    wait: float  # seconds until this call may be made; 0 when it may be made now

    @classmethod
    def after(cls, ahead: float, quota: int, seconds: float) -> "Allowance":
        interval = seconds / quota
        over = ahead - seconds
        if over > interval * _FEW:
            return cls(0, ahead - interval, over)
        return cls(int((seconds - ahead) / interval + _FEW), ahead, 0.0)


class LocalCache(LocMemCache):
    """The embedded default: one process, so nothing is shared."""

    _spent: dict[str, float] = {}
    _spending = threading.Lock()

    def spend(self, key: str, quota: int, seconds: float) -> Allowance:
        """Take one of a quota that comes back evenly; all of it takes so many seconds.

        What is kept is the moment at which the whole quota is there again (GCRA).
        """
        interval = seconds / quota
        with self._spending:
            moment = time.monotonic()
            ahead = max(self._spent.get(key, -inf), moment) + interval - moment
            if ahead <= seconds + interval * _FEW:
                if len(self._spent) >= MOST_KEPT and key not in self._spent:
                    self._forget(moment)
                self._spent[key] = moment + ahead
        return Allowance.after(ahead, quota, seconds)

    def _forget(self, moment: float) -> None:
        """Those who have their whole quota again; and if that is nobody, who used the least."""
        over = [key for key, at in self._spent.items() if at <= moment]
        least = over or sorted(self._spent, key=self._spent.__getitem__)[: MOST_KEPT // 10]
        for key in least:
            del self._spent[key]

    def clear(self) -> None:
        super().clear()
        with self._spending:
            self._spent.clear()


class Json:
    """Nobody who can write into Redis may have us run something, as pickle would."""

    def dumps(self, value: Any) -> Any:
        return value if type(value) is int else json.dumps(value)

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


class _Away:
    """Whether Redis answers, as far as this process knows."""

    def __init__(self) -> None:
        self._until: float | None = None
        self._lock = threading.Lock()

    def asks(self) -> bool:
        """May this caller ask? While it is away one does now and then; the others go on without."""
        if self._until is None:
            return True
        with self._lock:
            moment = time.monotonic()
            if self._until is not None and moment < self._until:
                return False
            self._until = moment + PAUSE
            return True

    def answered(self) -> None:
        if self._until is not None:
            self._until = None
            log.info("the shared cache answers again")

    def failed(self, error: Exception) -> None:
        if self._until is None:
            log.warning("the shared cache is away, so each process counts alone: %s", error)
        self._until = time.monotonic() + PAUSE


_away = _Away()
_SPEND = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local interval, seconds = tonumber(ARGV[1]), tonumber(ARGV[2])
local ahead = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + interval - now
if ahead <= seconds + interval * tonumber(ARGV[3]) then
    redis.call('SET', KEYS[1], string.format('%.6f', now + ahead), 'PX', math.ceil(ahead * 1000))
end
return string.format('%.6f', ahead)
"""


def _shared(name: str) -> Callable[..., Any]:
    """The method of this name, of Redis or else of this process."""

    def method(self: "SharedCache", *args: Any, **kwargs: Any) -> Any:
        if _away.asks():
            try:
                found = getattr(super(SharedCache, self), name)(*args, **kwargs)
            except (RedisError, OSError) as error:
                _away.failed(error)
            else:
                _away.answered()
                return found
        return getattr(self.here, name)(*args, **kwargs)

    method.__name__ = name
    return method


class _RedisCache(RedisCache):
    _cache: Any
    _script: Any = None

    def spend(self, key: str, quota: int, seconds: float) -> Allowance:
        name = self.make_key(f"spent:{key}")
        if self._script is None:
            # With its client: each call makes one, which takes as long as the question.
            self._script = self._cache.get_client(name, write=True).register_script(_SPEND)
        given = [seconds / quota, seconds, _FEW]
        return Allowance.after(float(self._script([name], given)), quota, seconds)

    def clear(self) -> None:
        """What is ours alone: the broker's messages are in the same database."""
        client = self._cache.get_client(None, write=True)
        for names in _batches(client.scan_iter(f"{self.key_prefix}:*", 500), 500):
            client.delete(*names)


def _batches(each: Any, size: int) -> Any:
    batch: list[Any] = []
    for one in each:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


class SharedCache(_RedisCache):
    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self.here = LocalCache("shared", {**params, "OPTIONS": {"MAX_ENTRIES": MOST_KEPT}})

    add, get, set, touch, delete, incr = map(
        _shared, ("add", "get", "set", "touch", "delete", "incr")
    )
    get_many, set_many, delete_many, has_key = map(
        _shared, ("get_many", "set_many", "delete_many", "has_key")
    )
    clear, spend = map(_shared, ("clear", "spend"))
