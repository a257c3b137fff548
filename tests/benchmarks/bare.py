"""The bare client: aiohttp on uvloop posts the same bodies, and that is all it does.

`python -m tests.benchmarks.bare URL RUN SECONDS` prints what it took, as JSON.
"""

import asyncio
import json
import os
import sys
import time

import aiohttp
import uvloop

from tests.benchmarks.target import mark

AT_ONCE = 32


async def post(url: str, run: str, seconds: float) -> dict[str, float]:
    numbers = iter(range(1 << 60))
    count = 0
    began, spent = time.monotonic(), sum(os.times()[:2])
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def poster() -> None:
            nonlocal count
            while time.monotonic() - began < seconds:
                body = {
                    "number": mark(run, next(numbers)),
                    "customer_name": "Acme Corp",
                    "status": "requested",
                    "weight": 8400.5,
                }
                headers = {"Content-Type": "application/json"}
                data = json.dumps(body).encode()
                async with session.post(url, data=data, headers=headers) as answer:
                    assert answer.status == 200
                    await answer.read()
                count += 1

        await asyncio.gather(*(poster() for _ in range(AT_ONCE)))
    return {
        "count": count,
        "rate": count / (time.monotonic() - began),
        "cpu": sum(os.times()[:2]) - spent,
    }


if __name__ == "__main__":
    address, name, duration = sys.argv[1:]
    print(json.dumps(uvloop.run(post(address, name, float(duration)))))  # noqa: T201
