"""A check of a webhook is one signed call that says it is a test."""

import pytest

from integrations.connectors import webhook
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


def test_nobody_is_called_at_a_forbidden_address() -> None:
    assert "private address" in check("http://10.0.0.1/")
