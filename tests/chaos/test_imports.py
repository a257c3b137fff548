"""A worker dies in the middle of an import: every row comes in, and each of them once."""

from typing import Any

import pytest
import requests

from integrations.models import EntityChange, ImportRow, Task
from otms.accounts.models import Platform
from otms.orders.models import TransportOrder
from tests import make
from tests.chaos.conftest import Posting
from tests.chaos.system import System, wait_for

pytestmark = pytest.mark.chaos

ROWS = 600


def test_an_import_whose_worker_is_killed_is_gone_on_with_where_it_was(
    system: System, platform: Platform, post: Posting, figure: Any
) -> None:
    integration = make.integration(platform=platform)
    system.web()
    system.redis()
    # Without ids: whatever came in twice would be two orders.
    rows = [{"name": f"order {n}", "consignments": [{"name": "one"}]} for n in range(ROWS)]
    answer = requests.post(
        f"http://127.0.0.1:{system.web_port}/api/integration/import/data",
        json={"integrationId": str(integration.pk), "data": rows},
        headers={"Authorization": f"Bearer {post.token}"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    system.beat()
    orders = TransportOrder.objects.of(platform)
    kills = 0
    while (there := orders.count()) < ROWS and kills < 3:
        worker = system.worker()
        target = min(there + 100, ROWS)
        wait_for(lambda target=target: orders.count() >= target, timeout=60)  # type: ignore[misc]
        worker.kill()
        kills += 1
    system.worker()
    wait_for(lambda: Task.objects.of(platform).get().status == "DONE", timeout=90)
    task = Task.objects.of(platform).get()
    names = list(orders.values_list("name", flat=True))
    assert (len(names), len(set(names))) == (ROWS, ROWS)
    assert (task.done, task.failed) == (ROWS, 0)
    assert ImportRow.objects.of(platform).filter(outcome="created").count() == ROWS
    assert EntityChange.objects.of(platform).count() == ROWS
    figure(f"import: {kills} workers killed, {ROWS} rows in, each once")
