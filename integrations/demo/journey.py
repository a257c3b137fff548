"""One order is saved through the API, and its way to the ERP is told as it happens."""

import queue
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from integrations import http
from integrations.demo.seed import ERP_PATH
from otms import documents

Received = dict[str, Any]

PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.02

ORDER = {
    "name": "Aalsmeer - Wien",
    "customer": {"name": "Bakker & Zonen Bloemen"},
    "consignments": [{"goods": [{"quantity": 30, "description": "trolleys of roses"}]}],
}


class Refused(Exception):
    """The API did not answer as it should."""


class Api:
    """A caller of the API over HTTP, like any script of a customer's."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        encoded = documents.dumps(body) if body is not None else b""
        request = http.Request(method, f"{self.url}/api/{path}", self.headers, encoded)
        exchange = http.call(request, timeout=15)
        if exchange.status != 200:
            said = exchange.error or exchange.body.decode(errors="replace")
            raise Refused(f"{method} {path} was answered {exchange.status}: {said[:300]}")
        return documents.loads(exchange.body)

    def integrations(self) -> dict[str, Any]:
        """The ids of the platform's integrations by name."""
        found = self("GET", "integrations/0/100")["integrations"]
        return {each["name"]: each["id"] for each in found}

    def waiting(self) -> int:
        found = self("GET", "integrations/0/100")["integrations"]
        return sum(each["health"]["queued"] for each in found)


def follow(
    api: Api, integrations: dict[str, str], receipts: "queue.Queue[Received]"
) -> Iterator[str]:
    """Save an order and tell its way, each step with the milliseconds since it was sent."""
    order = {"orderId": f"TO-{datetime.now():%m%d-%H%M%S}", **ORDER}
    began = time.time()

    def at(moment: float) -> str:
        return f"{max(0, (moment - began) * 1000):6.0f} ms  "

    yield f"{at(began)}POST /api/transportOrder: {order['name']}, {_goods(order)}"
    saved = api("POST", "transportOrder", order)["transportOrder"]
    yield f"{at(_moment(saved['createdAt']))}saved, with the id {saved['id']}"
    open_for = dict(integrations)
    seen: set[str] = set()
    wanted = True  # the ERP's receipt
    while (open_for or wanted) and time.time() - began < PATIENCE_SECONDS:
        for name, id in list(open_for.items()):
            (row,) = api("GET", f"integration/{id}/objects/0/1?entityId={saved['id']}")["objects"]
            if name not in seen:
                seen.add(name)
                yield f"{at(_moment(row['createdAt']))}QUEUE    for {name}"
            if row["finishedAt"]:
                del open_for[name]
                why = f": {row['reason'] or row['error']}" if row["status"] != "SUCCESS" else ""
                yield f"{at(_moment(row['finishedAt']))}{row['status']:7}  {name}{why}"
        for receipt in _until(receipts, time.time() + LOOK_SECONDS):
            if saved["id"] not in receipt["body"]:
                continue
            own = receipt["path"] == ERP_PATH
            wanted = wanted and not own
            where = "" if own else f" at {receipt['path']} too"  # from an integration of yours
            yield f"{at(receipt['at'])}the ERP got it{where}, {receipt['signature']}:"
            yield f"{'':11}{receipt['body']}"
    if open_for or wanted:
        raise Refused(f"The order did not arrive within {PATIENCE_SECONDS:.0f} s.")


def drain(api: Api, keep_on: Callable[[], bool]) -> None:
    """Wait until nothing of the seeded orders waits any more."""
    end = time.time() + PATIENCE_SECONDS
    while api.waiting() and time.time() < end and keep_on():
        time.sleep(LOOK_SECONDS)


def _until(receipts: "queue.Queue[Received]", end: float) -> Iterator[Received]:
    while (left := end - time.time()) > 0:
        try:
            yield receipts.get(timeout=left)
        except queue.Empty:
            return


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _goods(order: dict[str, Any]) -> str:
    goods = order["consignments"][0]["goods"][0]
    return f"{goods['quantity']} {goods['description']}"
