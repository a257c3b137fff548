"""A receiver whose manners are chosen by the path, and who remembers everything it was sent.

How it answers is in manners.py; what it does where it wants to know who calls, in door.py.

A delivery is told by its `webhook-id` header. Every request counts as an attempt when it is
complete; its delivery counts as delivered when it is answered 2xx.

Control, on the same port: GET /_sink/stats, /_sink/requests, /_sink/ping and
/_sink/wait?n=&timeout=&of=attempts|delivered; POST /_sink/reset, /_sink/answers.
"""

import asyncio
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.sink.connection import answer
from tests.sink.door import Door
from tests.sink.manners import Manners


class Receiver(Manners, Door):
    """All of it, and what the test asks."""

    async def control(self, path: str) -> None:
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query))
        memory = self.memory
        result: Any = {"ok": True}
        match parts.path.removeprefix("/_sink/"):
            case "stats":
                result = memory.stats()
            case "requests":
                result = [received.as_json() for received in memory.received]
            case "wait":
                result = await self.wait(query)
            case "reset":
                memory.reset()
            case "answers":
                memory.answers.update(json.loads(self.body))
            case "words":
                memory.words |= json.loads(self.body)
        if not self.closed:
            self.transport.write(answer(200, json.dumps(result).encode()))

    async def wait(self, query: dict[str, str]) -> dict[str, Any]:
        """Wait until enough came in, or for as long as one is ready to wait."""
        try:
            async with asyncio.timeout(float(query["timeout"])):
                while self.memory.count(query["of"]) < int(query["n"]):
                    self.memory.changed.clear()
                    await self.memory.changed.wait()
        except TimeoutError:
            pass
        return self.memory.stats()
