"""How a webhook shows itself to a target that asks who calls, and what may be said about it."""

import json
from typing import Any

import pytest

from integrations.connectors import webhook
from integrations.connectors.base import Delivery
from integrations.http import Exchange, call
from tests.sink import Sink

KINDS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"type": "none"}, {}),
    ({"type": "header", "name": "X-Api-Key"}, {"auth.value": "key-4711"}),
    ({"type": "header", "name": "Authorization"}, {"auth.value": "ApiKey key-4711"}),
    ({"type": "query", "name": "api"}, {"auth.value": "a&b=c/d ü"}),
    ({"type": "basic", "username": "otms"}, {"auth.password": "sesame: é"}),
    ({"type": "bearer"}, {"auth.token": "token-4711"}),
]


def connector(url: str, auth: Any = None, secrets: Any = None, **settings: Any) -> Any:
    """A webhook with settings that may be saved."""
    said = {"url": url, **({"auth": auth} if auth else {}), **settings}
    assert not list(webhook.Connector.problems(said, secrets or {}))
    return webhook.Connector(said, secrets or {})


def delivered(made: Any) -> Exchange:
    return call(made.request({"a": 1}, Delivery.trial()), timeout=30)


def problems(auth: Any, secrets: Any = None, url: str = "https://8.8.8.8/", **more: Any) -> Any:
    settings = {"url": url, "auth": auth, **more}
    found = webhook.Connector.problems(settings, secrets or {})
    return {each.field: each.code for each in found}


def test_nothing_is_shown_to_a_target_that_does_not_ask(sink: Sink) -> None:
    delivered(connector(sink.url(), {"type": "none"}))
    delivered(connector(sink.url()))
    for received in sink.requests:
        assert "authorization" not in received.headers


def test_each_kind_of_showing_oneself_arrives_as_the_target_wants_it(sink: Sink) -> None:
    delivered(connector(sink.url(), *KINDS[1]))
    delivered(connector(sink.url(), *KINDS[2]))
    delivered(connector(sink.url("/ok?b=2#top"), *KINDS[3]))
    header, authorization, query = sink.requests
    assert header.headers["x-api-key"] == "key-4711"
    assert authorization.headers["authorization"] == "ApiKey key-4711"
    assert query.path == "/ok?b=2&api=a%26b%3Dc/d%20%C3%BC"
    assert (
        delivered(connector(sink.url("/auth/basic/otms/sesame%3A%20%C3%A9"), *KINDS[4])).status
        == 200
    )
    assert delivered(connector(sink.url("/auth/bearer/token-4711"), *KINDS[5])).status == 200
    assert delivered(connector(sink.url("/auth/bearer/another"), *KINDS[5])).status == 401


@pytest.mark.parametrize(("auth", "secrets"), KINDS[1:])
def test_no_log_shows_what_it_shows_itself_with(
    auth: dict[str, Any], secrets: dict[str, str], sink: Sink
) -> None:
    made = connector(sink.url("/ok"), auth, secrets)
    request = made.request({"a": 1}, Delivery.trial())
    for secret in secrets.values():
        for shown in (repr(request), request.where, repr(Exchange(request))):
            assert secret not in shown


@pytest.mark.parametrize(("auth", "secrets"), KINDS[1:])
def test_a_target_that_says_it_again_tells_nobody(
    auth: dict[str, Any], secrets: dict[str, str], sink: Sink
) -> None:
    """Many an error page repeats headers, or the URL."""
    made = connector(sink.url("/echo"), auth, secrets)
    seen = made.request({}, Delivery.trial())
    said = json.dumps([seen.headers, seen.url]) + "".join(secrets.values())
    exchange = call(made.hiding(made.request(said, Delivery.trial())), timeout=30)
    assert exchange.status == 200
    shown = exchange.body.decode("utf-8", "replace")
    for secret in (*secrets.values(), seen.headers.get("Authorization", "Basic none").split()[-1]):
        assert secret not in shown


@pytest.mark.parametrize(
    ("auth", "secrets", "found"),
    [
        ("bearer", {}, {"auth": "not_an_object"}),
        ({}, {}, {"auth.type": "required"}),
        ({"type": "digest"}, {}, {"auth.type": "invalid_choice"}),
        ({"type": "bearer"}, {}, {"auth.token": "required"}),
        ({"type": "bearer"}, {"auth.token": "Łódź"}, {"auth.token": "invalid"}),
        ({"type": "bearer", "name": "X"}, {"auth.token": "t"}, {"auth.name": "unknown_field"}),
        ({"type": "bearer", "tokn": "X"}, {"auth.token": "t"}, {"auth.tokn": "unknown_field"}),
        ({"type": "none"}, {"auth.token": "t"}, {"auth.token": "unknown_field"}),
        ({"type": "header", "name": "X-Key"}, {}, {"auth.value": "required"}),
        (
            {"type": "header", "name": "X-Key"},
            {"auth.value": "a\r\nX-Admin: 1"},
            {"auth.value": "invalid"},
        ),
        (
            {"type": "basic", "username": "a:b"},
            {"auth.password": "p"},
            {"auth.username": "invalid"},
        ),
        ({"type": "query", "name": "a=b"}, {"auth.value": "v"}, {"auth.name": "invalid"}),
        ({"type": "query", "name": "q"}, {"auth.value": "v"}, {"url": "invalid"}),
        (
            {"type": "oauth2", "tokenUrl": "http://10.0.0.1/", "clientId": "me"},
            {"auth.clientSecret": "s"},
            {"auth.tokenUrl": "address_refused"},
        ),
        (
            {"type": "oauth2"},
            {},
            dict.fromkeys(["auth.tokenUrl", "auth.clientId", "auth.clientSecret"], "required"),
        ),
    ],
)
def test_what_can_not_be_shown_is_told_at_its_field(
    auth: Any, secrets: dict[str, str], found: dict[str, str]
) -> None:
    assert problems(auth, secrets, "https://8.8.8.8/?q=1") == found


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "Content-Length", "transfer-encoding", "Connection"),
        *("Content-Type", "webhook-signature", "Webhook-Id", "Idempotency-Key", "traceparent"),
        *("User-Agent", "X-Request-Id", "X-OTMS-Sequence", "Proxy-Authorization"),
        *("X Key", "X-Key:", ""),
    ],
)
def test_a_secret_has_a_header_of_its_own_that_no_log_shows(name: str) -> None:
    found = problems({"type": "header", "name": name}, {"auth.value": "v"})
    assert list(found) == ["auth.name"]


def test_what_goes_in_the_clear_is_warned_of() -> None:
    auth = {"type": "oauth2", "tokenUrl": "http://8.8.8.8/", "clientId": "me"}
    for url, kind, fields in (
        ("http://8.8.8.8/", {"type": "bearer"}, ["url"]),
        ("https://8.8.8.8/", {"type": "bearer"}, []),
        ("http://8.8.8.8/", {"type": "none"}, []),
        ("https://8.8.8.8/", auth, ["auth.tokenUrl"]),
        ("http://8.8.8.8/", auth, ["url", "auth.tokenUrl"]),
    ):
        found = list(webhook.Connector.warnings({"url": url, "auth": kind}))
        assert [each.field for each in found if each.code == "in_clear"] == fields


# Tokens, when a connection is checked.


def oauth2(sink: Sink, path: str = "/oauth/me/s%3Acret", **more: Any) -> dict[str, Any]:
    return {"type": "oauth2", "tokenUrl": sink.url(path), "clientId": "me", **more}


@pytest.mark.parametrize("how", ["basic", "body"])
def test_a_check_calls_with_a_token(sink: Sink, how: str) -> None:
    auth = oauth2(sink, scope="orders:write", audience="https://erp", clientAuth=how)
    made = connector(sink.url("/lent/1"), auth, {"auth.clientSecret": "s:cret"})
    assert made.check(timeout=30) == ""
    asked, called = sink.requests
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert b"grant_type=client_credentials" in asked.body
    assert b"scope=orders%3Awrite&audience=https%3A%2F%2Ferp" in asked.body
    assert (b"s%3Acret" in asked.body) == (how == "body")
    assert ("authorization" in asked.headers) == (how == "basic")
    assert called.headers["authorization"] == "Bearer lent-1"


def test_a_check_says_that_the_client_was_refused(sink: Sink) -> None:
    made = connector(sink.url("/lent/1"), oauth2(sink), {"auth.clientSecret": "wrong-one"})
    where = sink.url("/oauth/me/s%3Acret")
    assert made.check(timeout=30) == (
        f"The token endpoint at {where} refused: invalid_client (Who is that?)."
    )
    assert len(sink.requests) == 1


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("/oauthsays/400/invalid_scope", "token", "refused: invalid_scope."),
        ("/oauthsays/400/temporarily_unavailable", "busy", "refused: temporarily_unavailable."),
        ("/status/503", "busy", "answered 503"),
        ("/status/429", "busy", "answered 429"),
        ("/status/404", "token", "answered 404"),
        ("/redirect/302/token", "token", "Redirects are not followed."),
        ("/ok", "token", "answered 200 without an access_token."),
        ("/big/70000", "token", "answered 200 without an access_token."),
        ("/close", "lost", "The connection was closed"),
        ("/garbage", "protocol", "The answer is not HTTP."),
    ],
)
def test_a_fault_of_the_token_endpoint_is_told_by_its_class(
    sink: Sink, path: str, kind: str, words: str
) -> None:
    made = connector(sink.url(), oauth2(sink, path), {"auth.clientSecret": "secret-4711"})
    with pytest.raises(webhook.NotGranted) as refused:
        made.grant.read(call(made.grant.request(), timeout=30))
    assert refused.value.kind == kind
    assert words in refused.value.message
    assert refused.value.message.startswith(f"The token endpoint at {sink.url(path)}")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(3600, 3600), ("60", 60), (None, 300), ("soon", 300), (-5, 0), (10**12, 30 * 86_400)],
)
def test_how_long_a_token_is_good(sink: Sink, said: Any, seconds: int) -> None:
    made = connector(sink.url(), oauth2(sink), {"auth.clientSecret": "s"})
    body = {"access_token": "t", "token_type": "BEARER", "expires_in": said}
    answer = Exchange(made.grant.request(), status=200, body=json.dumps(body).encode())
    assert made.grant.read(answer) == ("t", seconds)


def test_a_token_of_another_type_is_refused(sink: Sink) -> None:
    made = connector(sink.url(), oauth2(sink), {"auth.clientSecret": "s"})
    answer = Exchange(
        made.grant.request(), status=200, body=b'{"access_token": "t", "token_type": "mac"}'
    )
    with pytest.raises(webhook.NotGranted, match="type 'mac'; only bearer"):
        made.grant.read(answer)


def test_a_type_that_is_none_is_told_before_all_else() -> None:
    settings = {"url": "https://8.8.8.8/", "auth": {"type": "apikey", "key": "x"}}
    (problem,) = webhook.Connector.problems(settings, {})
    assert problem.field == "auth.type"
    assert "there are: none, header, query, basic, bearer, oauth2" in problem.message


@pytest.mark.parametrize("name", ["ca", "certificate"])
def test_what_is_no_certificate_is_answered_with_how_one_begins(name: str) -> None:
    settings = {"url": "https://8.8.8.8/", "tls": {name: "hello"}}
    found = {each.field: each.message for each in webhook.Connector.problems(settings, {})}
    text = "Write it as PEM: it begins with a line -----BEGIN CERTIFICATE-----"
    assert found[f"tls.{name}"].endswith(text)
