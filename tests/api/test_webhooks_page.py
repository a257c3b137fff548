"""The receiver that is printed in docs/reference/webhooks.md works as it is printed."""

import re
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from integrations.connectors.base import Delivery
from integrations.connectors.webhook import Connector
from integrations.core import signing
from integrations.models import IntegrationObject
from otms.accounts.models import Platform
from tests import make
from tests.conftest import Api

PAGE = (Path(__file__).parents[2] / "docs/reference/webhooks.md").read_text(encoding="utf-8")
SECRETS = ["plain text, \u00e9 and blanks ", signing.new_secret(), signing.new_secret().rstrip("=")]


class Receiver:
    """The printed receiver, listening."""

    def __init__(self, folder: Path) -> None:
        (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
        (folder / "receiver.py").write_text(code, encoding="utf-8")
        spec = spec_from_file_location("receiver", folder / "receiver.py")
        assert spec is not None
        assert spec.loader is not None
        self.code: Any = module_from_spec(spec)
        spec.loader.exec_module(self.code)
        self.taken: list[Any] = []
        self.code.take = self.taken.append
        self.code.Receiver.log_message = lambda *_: None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.code.Receiver)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def gets(self, headers: dict[str, str], body: bytes) -> int:
        connection = HTTPConnection("127.0.0.1", self.server.server_port, timeout=10)
        try:
            connection.request("POST", "/", body, headers)
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    receiver = Receiver(tmp_path)
    yield receiver
    receiver.stop()


def sent(secret: str, id: str = "id", sequence: int = 7, when: float = 0) -> tuple[Any, bytes]:
    """What the connector sends."""
    delivery = Delivery(id, 1, sequence, int(time.time() + when), "00-0-0-01")
    connector = Connector({"url": "https://receiver.example"}, {"secret": secret})
    request = connector.request({"transportOrder": {"id": "a"}}, delivery)
    return request.headers, request.body


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("secret", SECRETS, ids=["text", "whsec", "no padding"])
def test_it_takes_what_is_delivered(
    receiver: Receiver, api: Api, platform: Platform, run_queue: Callable[[], None], secret: str
) -> None:
    receiver.code.SECRET = secret
    make.integration(receiver.url, secrets={"secret": secret}, mapping=None, platform=platform)
    order = api.ok("POST", "transportOrder", {"name": "4711"})["transportOrder"]
    run_queue()
    assert receiver.taken == [{"transportOrder": order, "before": None, "action": "created"}]
    assert IntegrationObject.objects.of(platform).get().status == "SUCCESS"


@pytest.mark.parametrize("secret", SECRETS, ids=["text", "whsec", "no padding"])
def test_it_refuses_what_is_not_signed_so(receiver: Receiver, secret: str) -> None:
    receiver.code.SECRET = secret
    headers, body = sent(secret)
    unsigned = {name: value for name, value in headers.items() if name != "webhook-signature"}
    for forged, content in (
        (headers, body + b" "),
        ({**headers, "webhook-id": "other"}, body),
        ({**headers, "webhook-timestamp": "soon"}, body),
        (unsigned, body),
        sent("another secret"),
        sent(secret, when=-400),
        sent(secret, when=400),
    ):
        assert receiver.gets(forged, content) == 401
    assert receiver.taken == []
    both = {**headers, "webhook-signature": "v1,bm8= " + headers["webhook-signature"]}
    assert receiver.gets(both, body) == 200
    assert len(receiver.taken) == 1


def test_it_takes_a_message_once_and_none_that_is_older(receiver: Receiver) -> None:
    receiver.code.SECRET = "hush"
    for id, sequence in (("a", 7), ("a", 7), ("b", 6), ("c", 8)):
        assert receiver.gets(*sent("hush", id, sequence)) == 200
    assert len(receiver.taken) == 2


SOMETIMES = ("X-OTMS-Test", "tracestate")


def test_every_header_is_on_the_page() -> None:
    headers, _ = sent("hush")
    request = PAGE.partition("## The request")[2].partition("## The signature")[0]
    told = set(re.findall(r"^\| `([\w-]+)` \|", request, re.MULTILINE))
    assert told == {*headers, *SOMETIMES}


def test_it_passes_the_test_of_an_installation(receiver: Receiver) -> None:
    receiver.code.SECRET = "hush"
    for secret, says in (("hush", ""), ("other", "the signature does not fit")):
        found = Connector({"url": receiver.url}, {"secret": secret}).check(timeout=10)
        assert says in found
        assert bool(says) == bool(found)
    assert receiver.taken == []
