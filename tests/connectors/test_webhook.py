"""A check of a webhook is one signed call that says it is a test."""

from typing import Any

import pytest

from integrations.connectors import webhook
from integrations.connectors.base import Delivery
from integrations.core.errors import MappingError
from integrations.http import Request
from tests.sink import Sink

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def check(url: str, secret: str = "") -> str:
    secrets = {"secret": secret} if secret else {}
    return webhook.Connector({"url": url}, secrets).check(timeout=1)


def test_a_receiver_that_knows_the_secret_says_yes(sink: Sink) -> None:
    assert check(sink.url(f"/signed/{SECRET}"), SECRET) == ""
    (received,) = sink.requests
    assert received.method == "POST"
    assert received.json() == {"test": True}
    assert received.headers["x-otms-test"] == "true"


@pytest.mark.parametrize("secret", ["", "whsec_AAAA", "another"])
def test_a_wrong_secret_is_told(sink: Sink, secret: str) -> None:
    url = sink.url(f"/signed/{SECRET}")
    assert check(url, secret).startswith(f"{url} answered 401")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/status/204", ""),
        ("/status/500", "answered 500"),
        ("/redirect/302/ok", "answered 302"),
        ("/hang", "No complete answer within 1 s."),
        ("/garbage", "HTTP"),
        ("/close", "clos"),
    ],
)
def test_only_two_hundred_is_a_yes(sink: Sink, path: str, reason: str) -> None:
    found = check(sink.url(path))
    assert reason in found
    assert bool(reason) == bool(found)
    assert len(sink.requests) == 1


def test_a_target_that_is_asked_gets_no_body(sink: Sink) -> None:
    settings = {"url": sink.url(f"/signed/{SECRET}?test=1"), "method": "GET"}
    assert webhook.Connector(settings, {"secret": SECRET}).check(timeout=1) == ""
    (received,) = sink.requests
    assert (received.method, received.body) == ("GET", b"")
    assert received.path.endswith("?test=1")
    assert received.headers["x-otms-test"] == "true"
    assert "content-type" not in received.headers


def asked(settings: dict[str, Any], document: Any, **secrets: str) -> Request:
    connector = webhook.Connector({"method": "GET", **settings}, secrets)
    return connector.request(document, Delivery.trial())


def test_the_mapped_object_is_the_query(sink: Sink) -> None:
    auth = {"type": "query", "name": "key", "value": "k"}
    url = "https://erp.example/orders?a=1"
    request = asked({"url": url, "auth": auth}, {"no": ["1", "2"]}, **{"auth.value": "k"})
    assert (request.address, request.body) == (f"{url}&key=k&no=1&no=2", b"")
    assert request.where == "https://erp.example/orders?a=***&key=***"


@pytest.mark.parametrize("name", ["a", "key"])
def test_a_parameter_that_is_there_is_not_said_twice(name: str) -> None:
    """A receiver would take the one or the other."""
    auth = {"type": "query", "name": "key", "value": "k"}
    url = "https://erp.example/orders?a=1"
    with pytest.raises(MappingError, match=f"{name}: The URL has this parameter already"):
        asked({"url": url, "auth": auth}, {name: "x"}, **{"auth.value": "k"})


def test_nobody_is_called_at_a_forbidden_address() -> None:
    assert "private address" in check("http://10.0.0.1/")
