"""More comes in than goes out: some is refused, and of the rest everything arrives."""

import threading
import time
from typing import Any

import pytest
from django.db import connections

from integrations import pressure
from integrations.dispatcher import Dispatcher
from otms.orders.models import TransportOrder
from tests.conftest import Api
from tests.pressure.conftest import MOST, Filled
from tests.queue.conftest import wait_for
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)
CALLERS, CALLS = 4, 15


def test_under_load_what_is_accepted_arrives_and_what_is_refused_is_nowhere(
    filled: Filled,
    api: Api,
    sink: Sink,
    monkeypatch: pytest.MonkeyPatch,
    mailed: dict[str, str],
) -> None:
    sink.answers("/orders", "/slow/40")
    source = filled.integration.data_sources.get()
    source.mapping = {"n": "$.transportOrder.name"}
    source.save()
    filled.integration.delivery = {"concurrency": 1}
    filled.integration.save()
    monkeypatch.setattr(pressure, "KNOWN", 0.0)
    answers: dict[str, int] = {}
    over = threading.Event()

    def call(caller: int) -> None:
        mine = Api(api.headers["Authorization"].removeprefix("Bearer "))
        for number in range(CALLS):
            name = f"{caller}-{number}"
            # Refused, it is kept and sent again, as the answer says.
            for attempt in range(200):
                status = mine("POST", "transportOrder", {"name": name}).status_code
                answers[f"{name} {attempt}"] = status
                if status == 200:
                    break
                time.sleep(0.05)
        connections.close_all()

    def measure() -> None:
        while not over.wait(0.05):
            filled.measure()
        connections.close_all()

    dispatcher = Dispatcher(poll=0.05)
    dispatcher.start()
    callers: Any = [threading.Thread(target=call, args=[n]) for n in range(CALLERS)]
    measurer = threading.Thread(target=measure)
    for each in (measurer, *callers):
        each.start()
    try:
        for each in callers:
            each.join()
        wait_for(lambda: filled.waiting == 0, 30)
        wait_for(lambda: not pressure.known())
    finally:
        over.set()
        measurer.join()
        dispatcher.stop()
    refused = [status for status in answers.values() if status != 200]
    assert set(refused) == {503}, "it was full now and then"
    names = {f"{caller}-{number}" for caller in range(CALLERS) for number in range(CALLS)}
    saved = TransportOrder.objects.of(filled.platform).values_list("name", flat=True)
    assert sorted(saved) == sorted(names), "each once"
    assert sorted(each.json()["n"] for each in sink.requests) == sorted(names)
    assert any("is full" in subject for subject in mailed.values())
    assert [*mailed.values()][-1].endswith("has room again")
    assert len(names) > MOST
