"""What a receiver remembers: every request, and how it was answered."""

import asyncio
import base64
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Received:
    """One request as it came in, and the status it was answered; 0 is none so far."""

    at: float
    head: bytes
    body: bytes
    delivery: bytes
    status: int = 0

    def as_json(self) -> dict[str, Any]:
        line, *fields = self.head.decode("latin-1").split("\r\n")
        method, path, _ = line.split(" ", 2)
        headers = dict(field.split(":", 1) for field in fields)
        return {
            "at": self.at,
            "method": method,
            "path": path,
            "headers": {name.lower(): value.strip() for name, value in headers.items()},
            "body": base64.b64encode(self.body).decode(),
            "status": self.status,
        }


class Memory:
    """What came in and how it was answered, over all connections."""

    def __init__(self, keep: int) -> None:
        self.received: deque[Received] = deque(maxlen=keep)
        self.changed = asyncio.Event()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.received.clear()
        self.answers: dict[str, str] = {}
        self.words: dict[str, list[str]] = {}
        self.attempts: Counter[bytes] = Counter()
        self.delivered: Counter[bytes] = Counter()
        self.statuses: Counter[int] = Counter()
        self.total = 0
        self.anonymous = 0
        self.lent = 0

    def arrived(self, request: Received) -> None:
        """Count a request."""
        self.received.append(request)
        self.total += 1
        if request.delivery:
            self.attempts[request.delivery] += 1
        self.changed.set()

    def answered(self, request: Received, status: int) -> None:
        """Count an answer; status 0 is none."""
        request.status = status
        self.statuses[status] += 1
        if 200 <= status < 300:
            if request.delivery:
                self.delivered[request.delivery] += 1
            else:
                self.anonymous += 1
        self.changed.set()

    def count(self, of: str) -> int:
        """How many `attempts`, or how many deliveries that were `delivered`."""
        return self.total if of == "attempts" else len(self.delivered) + self.anonymous

    def stats(self) -> dict[str, Any]:
        """Say how much came in, how often, and what it was told."""
        return {
            "attempts": self.total,
            "delivered": self.count("delivered"),
            "duplicates": self.delivered.total() - len(self.delivered),
            "without_id": self.anonymous,
            "status": dict(self.statuses),
            "attempts_by_id": {name.decode("latin-1"): n for name, n in self.attempts.items()},
        }
