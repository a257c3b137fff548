"""A storm: all that can be done to a running system, in random order, one after the other."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import redis

from tests.chaos.server import PostgresServer
from tests.chaos.system import Embedded, Process, System, wait_for

FULL = bool(os.environ.get("FULL"))
KILLED_AT = ("claimed", "before-call", "after-call", "before-finish", "after-finish")


class Storm:
    """What is done to a deployment; `blow()` does each thing once, in an order by chance."""

    where = ""

    def __init__(self, calm: float) -> None:
        self.calm = calm  # the seconds between two of them, on average
        self.chance = random.Random()
        self.done: Counter[str] = Counter()
        # When what was sent may not have been written down: from and to, in Unix time.
        self.cuts: list[tuple[float, float]] = []

    def acts(self) -> dict[str, Callable[[], None]]:
        raise NotImplementedError

    def blow(self, seed: int) -> None:
        self.chance.seed(seed)
        acts = list(self.acts().items())
        self.chance.shuffle(acts)
        for what, act in acts:
            act()
            self.done[what] += 1
            time.sleep(self.calm * (0.5 + self.chance.random()))

    @contextmanager
    def cut(self) -> Iterator[None]:
        began = time.time()
        yield
        self.cuts.append((began, time.time()))

    def see_it_die(self, doomed: Process) -> None:
        wait_for(lambda: not doomed.is_running, timeout=60)
        self.cuts.append((time.time() - 0.1, time.time()))  # it is looked for every 50 ms

    def doom(self) -> str:
        """At which of its times at the point it is killed."""
        return str(self.chance.randint(1, 5))

    def __str__(self) -> str:
        return ", ".join(f"{n} x {what}" for what, n in sorted(self.done.items()))


class OnServices(Storm):
    """On workers, beat, web server, Redis and PostgreSQL, each a process."""

    where = "PostgreSQL and Redis"

    def __init__(self, system: System, database: PostgresServer, calm: float) -> None:
        super().__init__(calm)
        self.system, self.database = system, database
        self.broker = system.redis()
        self.web, self.beat = system.web(), system.beat()
        self.workers = [system.worker(), system.worker()]

    def acts(self) -> dict[str, Callable[[], None]]:
        return {
            "worker killed": self.kill_a_worker,
            "web server killed": self.kill_the_web_server,
            "Redis flushed": self.flush,
            "Redis restarted": self.restart_redis,
            "PostgreSQL crashed": self.crash_postgresql,
            "two beats": self.double_beat,
            "no beat": self.stop_beat,
            **{f"worker killed {at}": partial(self.see_one_killed, at) for at in KILLED_AT},
        }

    def kill_a_worker(self) -> None:
        victim = self.workers.pop(self.chance.randrange(len(self.workers)))
        with self.cut():
            victim.kill()
        self.workers.append(self.system.worker())

    def see_one_killed(self, at: str) -> None:
        """A third worker, that kills itself at that point soon after it has begun."""
        self.see_it_die(self.system.worker(at, "kill", self.doom(), "0"))

    def kill_the_web_server(self) -> None:
        self.web.kill()
        self.web = self.system.web()

    def flush(self) -> None:
        redis.Redis(port=self.system.redis_port).flushall()

    def restart_redis(self) -> None:
        self.broker.kill()
        time.sleep(self.chance.random())
        self.broker = self.system.redis()

    def crash_postgresql(self) -> None:
        with self.cut():
            self.database.crash()
            time.sleep(self.chance.random())
            self.database.start()

    def double_beat(self) -> None:
        second = self.system.beat()
        time.sleep(3)
        second.kill()

    def stop_beat(self) -> None:
        self.beat.kill()
        time.sleep(1)
        self.beat = self.system.beat()


class OnEmbedded(Storm):
    """On the one process that is everything: it is there when an act begins and gone at its end."""

    where = "the embedded default"

    def __init__(self, embedded: Embedded, calm: float) -> None:
        super().__init__(calm)
        self.embedded = embedded
        self.left: Process | None = None  # by the storm before

    def acts(self) -> dict[str, Callable[[], None]]:
        return {
            "killed": self.kill,
            "stopped": self.stop,
            **{f"killed {at}": partial(self.see_it_killed, at) for at in KILLED_AT},
        }

    def blow(self, seed: int) -> None:
        if self.left:
            with self.cut():
                self.left.kill()
        super().blow(seed)
        self.left = self.embedded.standalone()

    def kill(self) -> None:
        process = self.embedded.standalone()
        time.sleep(1 + self.chance.random())
        with self.cut():
            process.kill()

    def stop(self) -> None:
        process = self.embedded.standalone()
        time.sleep(1 + self.chance.random())
        code = process.stop(60)
        assert code == 0, f"it ended with {code}"

    def see_it_killed(self, at: str) -> None:
        """It kills itself at that point soon after it has begun."""
        self.see_it_die(self.embedded.standalone(at, "kill", self.doom(), "0"))
