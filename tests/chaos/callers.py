"""Callers of the API who save orders and do not give up until they are told that it is done."""

import random
import threading
import time
import uuid
from typing import Any

import requests

GIVE_UP = 60.0  # seconds without a 200


class Callers:
    """A few at once, each with orders of its own: makes one, or changes one it made.

    What fails is asked again: a new order under the same Idempotency-Key, a change with the same
    values. So each save has one effect, however often the server dies over it.
    """

    def __init__(self, port: int, token: str, *, callers: int = 4, pause: float = 0.05) -> None:
        self.url = f"http://127.0.0.1:{port}/api/transportOrder"
        self.headers = {"Authorization": f"Bearer {token}"}
        self.pause = pause
        self.saved = 0
        self.failed = 0
        self.slowest = 0.0
        self.errors: list[BaseException] = []
        self._enough = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(callers)]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Finish what they began; what any of them met that was wrong is raised."""
        self._enough.set()
        for thread in self._threads:
            thread.join()
        if self.errors:
            raise self.errors[0]

    def _call(self) -> None:
        orders: list[str] = []
        try:
            with requests.Session() as session:
                session.headers.update(self.headers)
                while not self._enough.is_set():
                    if len(orders) < 3 or random.random() < 0.1:
                        key = {"Idempotency-Key": str(uuid.uuid4())}
                        made = self._until_done(
                            session, "POST", {"name": key["Idempotency-Key"]}, key
                        )
                        orders.append(made["transportOrder"]["id"])
                    else:
                        change = {"id": random.choice(orders), "name": str(uuid.uuid4())}
                        self._until_done(session, "PUT", change, {})
                    with self._lock:
                        self.saved += 1
                    time.sleep(self.pause * random.random())
        except BaseException as error:  # noqa: BLE001 - raised again by finish()
            self.errors.append(error)

    def _until_done(
        self, session: requests.Session, method: str, body: Any, headers: dict[str, str]
    ) -> Any:
        began = time.monotonic()
        while True:
            started = time.monotonic()
            try:
                answer = session.request(method, self.url, json=body, headers=headers, timeout=20)
                if answer.status_code == 200:
                    self.slowest = max(self.slowest, time.monotonic() - started)
                    return answer.json()
                said = f"{answer.status_code}: {answer.text[:500]}"
                assert answer.status_code in (409, 429) or answer.status_code >= 500, said
            except requests.RequestException as error:
                said = str(error)
            self.failed += 1
            assert time.monotonic() - began < GIVE_UP, said
            time.sleep(0.1)
