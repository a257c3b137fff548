"""The page that shows how to send messages does what it says, command by command."""

import os
import re
import shutil
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from otms.accounts.models import User
from tests import make
from tests.queue.conftest import Queue
from tests.sink.smtp import MailServer
from tests.stories.shell import Shell

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "send-messages.md"
BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```", re.DOTALL | re.MULTILINE)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl, which the page uses, is not installed")
@pytest.mark.django_db(transaction=True)
def test_the_how_to_does_what_it_says(
    live_server: Any, user: User, queue: Queue, mail: MailServer, tmp_path: Path
) -> None:
    template, automation, order, history, recipients, off = [
        dedent(each[1]) for each in BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    ]
    given = {"OTMS_URL": live_server.url, "OTMS_TOKEN": make.token(user)}
    shell = Shell(tmp_path, {"PATH": os.environ["PATH"], **given}, live_server.url)
    try:
        for each in (template, automation, order):
            (call,) = shell.run(each).calls
            assert call.status == 200
        queue.run()
        (letter,) = mail.letters
        assert letter.recipients == ["ann@acme.example"]
        assert letter.message["Subject"] == "Your order 4711 was delivered"
        assert letter.text == "Dear Acme Delivery,\n\nyour order is realized.\n"
        assert '"subject":"Your order 4711 was delivered"' in shell.run(history).printed
        assert '"planning@acme.example"' in shell.run(recipients).printed
        shell.run(order)
        queue.run()
        assert mail.letters[1].recipients == ["planning@acme.example", "ann@acme.example"]
        assert '"enabled":false' in shell.run(off).printed
        shell.run(order)
        queue.run()
        assert len(mail.letters) == 2
    finally:
        shell.close()
