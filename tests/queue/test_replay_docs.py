"""The page that shows how to replay does what it says, command by command."""

import json
import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from integrations.models import EntityChange
from integrations.tasks import carry_out_replays
from otms.accounts.models import User
from tests import make
from tests.queue.conftest import Queue
from tests.sink import Sink
from tests.stories.shell import Shell

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "replay.md"
BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```", re.DOTALL | re.MULTILINE)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl, which the page uses, is not installed")
@pytest.mark.django_db(transaction=True)
def test_the_how_to_does_what_it_says(
    live_server: Any, user: User, queue: Queue, sink: Sink, tmp_path: Path
) -> None:
    seen, replay, look = [
        dedent(each[1]) for each in BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    ]
    integration = make.integration(sink.url("/ok"), platform=queue.platform)
    queue.save_order(name="A")
    queue.run()
    queue.all.update(created_at=datetime(2026, 3, 22, 12, tzinfo=UTC))  # the day of the page
    given = {
        "OTMS_URL": live_server.url,
        "OTMS_TOKEN": make.token(user),
        "INTEGRATION": str(integration.pk),
    }
    shell = Shell(tmp_path, {"PATH": os.environ["PATH"], **given}, live_server.url)
    try:
        source = integration.data_sources.get()
        source.mapping = {"name": "$.transportOrder.name"}
        source.save()
        said = json.loads(shell.run(seen).printed)
        assert (said["count"], said["differ"], said["older"]) == (1, 1, 0)
        assert queue.all.count() == 1
        shell.run(replay)
        calls = shell.run(look).calls
        assert [call.status for call in calls] == [200, 200, 200]
        assert '"status":"STOPPED"' in shell.run(look).printed
        carry_out_replays()
        assert queue.all.count() == EntityChange.objects.of(queue.platform).count() + 1
        queue.run()
        assert sink.requests[-1].json() == {"name": "A"}
        # What the replay made is not chosen by the same filter.
        assert json.loads(shell.run(seen).printed)["count"] == 1
    finally:
        shell.close()
