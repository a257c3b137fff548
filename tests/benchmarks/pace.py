"""Orders saved at a steady pace through the API, and how long each was under way."""

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.sink import Sink

CALLERS = 16


class Pace:
    """So many orders a second; each counts from when it should have been posted.

    A system that stalls is charged for those that could not even be posted.
    """

    def __init__(self, port: int, token: str, sink: Sink) -> None:
        self.url = f"http://127.0.0.1:{port}/api/transportOrder"
        self.headers = {"Authorization": f"Bearer {token}"}
        self.sink = sink
        self._own = threading.local()

    def latencies(self, rate: float, seconds: float, timeout: float = 30) -> list[float]:
        """The seconds from each POST to its arrival at the receiver, sorted."""
        self.sink.reset()
        began = time.time()
        due = [began + n / rate for n in range(int(rate * seconds))]
        with ThreadPoolExecutor(CALLERS) as callers:
            posted = dict(zip(callers.map(self._post, due), due, strict=True))
        self.sink.wait(len(posted), timeout=timeout)
        arrived: dict[str, float] = {}
        for one in self.sink.requests:
            if one.status == 200:  # what hangs is somebody else's
                arrived.setdefault(one.json()["erp_order_id"], one.at)
        assert arrived.keys() == posted.keys(), "not all of them arrived"
        return sorted(arrived[id] - at for id, at in posted.items())

    def _post(self, due: float) -> str:
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
        time.sleep(max(0.0, due - time.time()))
        answer = self._own.session.post(
            self.url, json={"name": "steady"}, headers=self.headers, timeout=30
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["transportOrder"]["id"])


def percentile(values: list[float], share: float) -> float:
    """Of sorted values; 0.5 is their median."""
    return values[min(int(len(values) * share), len(values) - 1)]


def told(latencies: list[float]) -> str:
    return (
        f"p50 {statistics.median(latencies) * 1000:.0f}, p95 "
        f"{percentile(latencies, 0.95) * 1000:.0f}, worst {latencies[-1] * 1000:.0f} ms"
    )
