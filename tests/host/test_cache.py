"""What processes count together is exact; nobody waits for a Redis that is away."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.conf import settings

from otms import cache as shared
from otms.cache import Allowance, LocalCache, SharedCache

OPTIONS = {
    "serializer": "otms.cache.Json",
    "socket_connect_timeout": 0.3,
    "socket_timeout": 0.3,
    "retry": None,
}
REDIS = os.environ.get("CELERY_BROKER_URL", "")


def made(url: str) -> SharedCache:
    return SharedCache(url, {"KEY_PREFIX": f"otms-test-{os.getpid()}-own", "OPTIONS": OPTIONS})


@pytest.fixture
def local() -> Iterator[LocalCache]:
    found = LocalCache("alone", {})
    found.clear()
    yield found
    found.clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    at = [1000.0]
    monkeypatch.setattr(shared.time, "monotonic", lambda: at[0])
    return at


def test_a_quota_comes_back_evenly(local: LocalCache, clock: list[float]) -> None:
    assert [local.spend("a", 3, 60).left for _ in range(3)] == [2, 1, 0]
    refused = local.spend("a", 3, 60)
    assert (refused.left, refused.wait, refused.reset) == (0, 20.0, 60.0)
    clock[0] += 19.9
    assert local.spend("a", 3, 60).wait == pytest.approx(0.1)
    clock[0] += 0.1
    assert local.spend("a", 3, 60) == Allowance(0, pytest.approx(60.0), 0.0)
    clock[0] += 60
    assert local.spend("a", 3, 60) == Allowance(2, 20.0, 0.0)
    assert local.spend("b", 1, 60) == Allowance(0, 60.0, 0.0)


def test_threads_together_get_the_quota_and_no_more(local: LocalCache, clock: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: local.spend("a", 100, 60).wait == 0, range(400)))
    assert sum(found) == 100


def test_very_many_callers_take_bounded_memory(
    local: LocalCache, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "MOST_KEPT", 100)
    assert local.spend("guilty", 2, 3600).left == 1
    assert local.spend("guilty", 2, 3600).left == 0
    for number in range(1000):
        local.spend(f"x{number}", 2, 3600)
    assert len(local._spent) <= 100
    assert local.spend("guilty", 2, 3600).wait > 0  # who used most is forgotten last


def test_without_redis_there_is_a_cache_of_this_process() -> None:
    if not REDIS.startswith("redis"):
        assert settings.CACHES["default"]["BACKEND"] == "otms.cache.LocalCache"
    else:
        assert settings.CACHES["default"]["BACKEND"] == "otms.cache.SharedCache"


@pytest.fixture
def silent() -> Iterator[str]:
    """A Redis that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"


@pytest.fixture
def gone() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return f"redis://127.0.0.1:{port}/0"


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_away", shared._Away())


@pytest.mark.parametrize("which", ["silent", "gone"])
def test_a_redis_that_is_away_costs_one_short_wait(
    which: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    cache = made(request.getfixturevalue(which))
    cache.here.clear()
    started = time.perf_counter()
    assert cache.spend("a", 2, 60).left == 1
    first = time.perf_counter() - started
    started = time.perf_counter()
    assert cache.spend("a", 2, 60).left == 0
    assert cache.spend("a", 2, 60).wait > 0
    cache.set("list", [1.5, 2], 60)
    assert cache.get("list") == [1.5, 2]
    cache.add("n", 1, 60)
    assert cache.incr("n") == 2
    assert cache.has_key("n")
    cache.delete("n")
    assert cache.get("n") is None
    cache.clear()
    assert time.perf_counter() - started < 0.2
    assert first < 1.5
    assert [each.message[:27] for each in caplog.records] == ["the shared cache is away, so"[:27]]


def test_while_it_is_away_one_asks_and_the_others_go_on(silent: str) -> None:
    cache = made(silent)
    cache.spend("a", 100, 60)
    shared._away._until = time.monotonic()  # the pause is over
    taken = []

    def ask() -> None:
        started = time.perf_counter()
        made(silent).spend("a", 100, 60)
        taken.append(time.perf_counter() - started)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(each > 0.25 for each in taken) == 1


needs_redis = pytest.mark.services
COUNT = """
import sys
from otms.cache import SharedCache
from tests.host.test_cache import OPTIONS
cache = SharedCache(sys.argv[1], {"KEY_PREFIX": sys.argv[2], "OPTIONS": OPTIONS})
print(sum(cache.spend("a", 200, 3600).wait == 0 for _ in range(150)))
"""


@pytest.fixture
def cache() -> Iterator[SharedCache]:
    found = made(REDIS)
    found.here.clear()
    found.clear()
    yield found
    found.clear()


@needs_redis
def test_redis_counts_as_a_process_does(cache: SharedCache) -> None:
    assert [cache.spend("a", 3, 60).left for _ in range(3)] == [2, 1, 0]
    refused = cache.spend("a", 3, 60)
    assert refused.wait == pytest.approx(20, abs=1)
    assert refused.reset == pytest.approx(60, abs=1)
    assert cache.spend("b", 1000, 1).left == 999
    assert not {"a", "b"} & cache.here._spent.keys()


@needs_redis
def test_processes_together_get_the_quota_and_no_more(cache: SharedCache) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", COUNT, REDIS, cache.key_prefix],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "otms.settings", "PYTHONPATH": "."},
        )
        for _ in range(4)
    ]
    found = [int(each.communicate(timeout=60)[0]) for each in running]
    # What came back while they ran: one in 18 seconds.
    assert 200 <= sum(found) <= 204, found


@needs_redis
def test_what_is_kept_is_json_and_forgotten_by_itself(cache: SharedCache) -> None:
    client = redis.Redis.from_url(REDIS)
    cache.set("list", [1.5, 2], 60)
    cache.spend("a", 2, 10)
    names = sorted(client.scan_iter(f"{cache.key_prefix}:*"))
    assert client.get(names[0]) == b"[1.5, 2]"
    assert all(0 < client.ttl(each) <= 60 for each in names)
    client.set(names[0], b"\x80\x04.", ex=60)  # what would be run if it were read as pickle
    with pytest.raises(ValueError, match="decode"):
        cache.get("list")


@needs_redis
def test_clearing_leaves_what_the_broker_has(cache: SharedCache) -> None:
    client = redis.Redis.from_url(REDIS)
    client.set("otms-somebody-else", "1", ex=60)
    cache.set("a", 1, 60)
    cache.clear()
    assert cache.get("a") is None
    assert client.get("otms-somebody-else") == b"1"
    client.delete("otms-somebody-else")


@needs_redis
def test_a_redis_that_comes_back_is_used_again(
    cache: SharedCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise redis.ResponseError("OOM command not allowed when used memory > 'maxmemory'.")

    with monkeypatch.context() as patched:
        patched.setattr(redis.Redis, "evalsha", broken)
        assert cache.spend("a", 5, 60).left == 4
    shared._away._until = time.monotonic()
    caplog.clear()
    with caplog.at_level("INFO"):
        assert cache.spend("a", 3, 60).left == 2
    assert caplog.messages == ["the shared cache answers again"]
