"""The page that shows how to find out why something did not arrive does what it says."""

import json
import os
import re
import shutil
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from integrations import explain, story
from otms.accounts.models import User
from tests import make
from tests.queue.conftest import Queue
from tests.sink import Sink
from tests.stories.shell import Shell

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGE = (HOW_TO / "find-out-why-it-did-not-arrive.md").read_text(encoding="utf-8")
TROUBLE = (HOW_TO / "be-told-of-trouble.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```", re.DOTALL | re.MULTILINE)

needs_curl = pytest.mark.skipif(
    not shutil.which("curl"), reason="curl, which the page uses, is not installed"
)


def blocks(page: str) -> list[str]:
    return [dedent(each[1]) for each in BLOCK.findall(page)]


@needs_curl
@pytest.mark.django_db(transaction=True)
def test_the_how_to_does_what_it_says(
    live_server: Any, user: User, sink: Sink, tmp_path: Path, run_queue: Any
) -> None:
    ask, look, act = blocks(PAGE)
    queue = Queue(user.platform, run_queue)
    integration = make.integration(sink.url("/status/400"), platform=user.platform)
    queue.save_order(name="4711")
    queue.run()
    given = {
        "OTMS_URL": live_server.url,
        "OTMS_TOKEN": make.token(user),
        "INTEGRATION": str(integration.pk),
    }
    shell = Shell(tmp_path, {"PATH": os.environ["PATH"], **given}, live_server.url)
    try:
        (told,) = json.loads(shell.run(ask).printed)["explanation"]["integrations"]
        assert told["why"].startswith("Given up at ")
        found = json.loads(shell.run(look).printed)["object"]
        assert found["id"] == told["objectId"]
        assert found["requestLogs"][0]["responseStatus"] == 400
        done = shell.run(act)
        assert [call.status for call in done.calls] == [200, 200]
        assert "Cancelled at " in shell.run(ask).printed
        integration.switch(False)
        assert '"enabled":true' in shell.run(blocks(TROUBLE)[-1]).printed
        integration.refresh_from_db()
        assert integration.enabled
    finally:
        shell.close()


def test_what_it_is_said_to_say_is_said() -> None:
    """Each text in the table is one of the code's, up to what differs each time."""
    code = "".join(
        Path(module.__file__ or "").read_text(encoding="utf-8") for module in (explain, story)
    )
    flat = re.sub(r'"\s*f?"', "", code)
    quoted = re.findall(r"^ +\| (`.*?) \| ", PAGE, re.MULTILINE)
    pieces = [
        piece.strip(" ,;")
        for texts in quoted
        for text in re.findall("`([^`]+)`", texts)
        for piece in re.split(r"\.\.\.|<target>|\d+|created|:", text)
    ]
    assert len(quoted) == 13
    assert [piece for piece in pieces if piece and piece not in flat] == []
