"""How we show ourselves to a target over HTTP: what the setting `auth` means."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from django.utils.translation import gettext_noop
from rest_framework import serializers

from integrations import egress
from integrations.connectors import _tls
from integrations.connectors.base import origin
from integrations.core.errors import Problem
from integrations.http import Grant, Request, Tls, asking, is_logged, line
from otms.api.serializers import WireSerializer
from otms.spelling import did_you_mean

NONE = "none"
# What each kind needs; in brackets what it can do without.
KINDS: dict[str, tuple[str, ...]] = {
    NONE: (),
    "header": ("name", "value"),
    "query": ("name", "value"),
    "basic": ("username", "password"),
    "bearer": ("token",),
    "oauth2": (
        *("tokenUrl", "clientId", "clientSecret"),
        *("[scope]", "[audience]", "[clientAuth]"),
    ),
}
# Who we are is said in a header of its own: these say what is sent, and where it ends.
OURS = {
    *("content-type", "content-encoding", "accept", "accept-encoding", "date", "user-agent"),
    *("webhook-id", "webhook-timestamp", "webhook-signature", "idempotency-key", "traceparent"),
    *("tracestate", "proxy-authorization", "proxy-connection", "keep-alive"),
}


def _when(*kinds: str) -> dict[str, Any]:
    return {"when": {"auth.type": kinds}}


def _visible(value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        text = "Use visible ASCII characters only: a header can hold nothing else."
        raise serializers.ValidationError(text, "invalid")
    return value


class AuthSettings(WireSerializer):
    form = '{"type": "bearer", "token": "..."}'

    type = serializers.ChoiceField(
        list(KINDS),
        label=gettext_noop("Authentication"),
        help_text=gettext_noop(
            "What the target asks for: none, a header or a query parameter of its own, "
            "basic, bearer, or oauth2 (client credentials)."
        ),
    )
    name = serializers.CharField(
        required=False,
        max_length=100,
        label=gettext_noop("Name of the header or parameter"),
        style=_when("header", "query"),
        help_text=gettext_noop("Such as X-Api-Key."),
    )
    value = serializers.CharField(
        required=False,
        max_length=4000,
        write_only=True,
        trim_whitespace=False,
        style=_when("header", "query"),
        help_text=gettext_noop("What it holds."),
    )
    username = serializers.CharField(required=False, max_length=500, style=_when("basic"))
    password = serializers.CharField(
        required=False,
        max_length=500,
        write_only=True,
        trim_whitespace=False,
        style=_when("basic"),
    )
    token = serializers.CharField(
        required=False, max_length=8000, write_only=True, style=_when("bearer")
    )
    token_url = serializers.CharField(
        required=False,
        max_length=2000,
        style=_when("oauth2"),
        help_text=gettext_noop("Where tokens are had: https://login.example/oauth/token"),
    )
    client_id = serializers.CharField(required=False, max_length=500, style=_when("oauth2"))
    client_secret = serializers.CharField(
        required=False,
        max_length=2000,
        write_only=True,
        trim_whitespace=False,
        style=_when("oauth2"),
    )
    scope = serializers.CharField(
        required=False,
        max_length=1000,
        style=_when("oauth2"),
        help_text=gettext_noop("If it asks for one."),
    )
    audience = serializers.CharField(
        required=False,
        max_length=1000,
        style=_when("oauth2"),
        help_text=gettext_noop("If it asks for one."),
    )
    client_auth = serializers.ChoiceField(
        ["basic", "body"],
        required=False,
        default="basic",
        style=_when("oauth2"),
        help_text=gettext_noop(
            "How the token endpoint wants the client: in the header, or in the body."
        ),
    )

    def to_internal_value(self, data: Any) -> Any:
        kind = data.get("type") if isinstance(data, dict) else None
        if isinstance(kind, str) and kind not in KINDS:
            # Told alone: what else is wrong depends on the type that was meant.
            there_are = f"there are: {', '.join(KINDS)}.{did_you_mean(kind, KINDS)}"
            text = f"There is no authentication of the type {kind[:80]!r}; {there_are}"
            raise serializers.ValidationError(
                {"type": [serializers.ErrorDetail(text, "invalid_choice")]}
            )
        read = super().to_internal_value(data)
        needed = KINDS[read["type"]]
        known = [name.strip("[]") for name in needed]
        wrong: dict[str, Any] = {}
        for name in data:
            if name not in known and name != "type" and data[name] not in (None, ""):
                has = f"has {', '.join(known)}" if known else "has nothing else"
                text = f"Authentication of the type {read['type']} {has}; leave this out."
                wrong[name] = [serializers.ErrorDetail(text, "unknown_field")]
        for name in needed:
            if name in self.fields and data.get(name) in (None, ""):
                wrong[name] = [serializers.ErrorDetail("This field is required.", "required")]
        if wrong:
            raise serializers.ValidationError(wrong)
        return read

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["type"] == "header":
            self._check("name", _header_name, attrs["name"])
            self._check("value", _visible, attrs["value"])
        elif attrs["type"] == "query":
            self._check("name", _parameter_name, attrs["name"])
        elif attrs["type"] == "basic":
            self._check("username", _user_name, attrs["username"])
        elif attrs["type"] == "bearer":
            self._check("token", _visible, attrs["token"])
        elif attrs["type"] == "oauth2":
            self._check("tokenUrl", web_address, attrs["token_url"])
        return attrs

    @staticmethod
    def _check(name: str, check: Any, value: str) -> None:
        try:
            check(value)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({name: error.detail}) from None


def web_address(url: str) -> str:
    """The URL, if it is one that may be called: checked early, for a clear message."""
    try:
        egress.check_url(url)
    except (ValueError, OSError) as error:
        raise serializers.ValidationError(str(error), "address_refused") from None
    return url


def grant_of(settings: dict[str, Any], secrets: dict[str, Any]) -> Grant | None:
    """How an access token is had; None if none is needed."""
    auth = settings.get("auth") or {}
    if auth.get("type") != "oauth2":
        return None
    tls = _tls.of(settings, secrets)
    return Grant(
        auth["tokenUrl"],
        auth["clientId"],
        secrets["auth.clientSecret"],
        auth.get("scope", ""),
        auth.get("audience", ""),
        auth.get("clientAuth", "basic"),
        # The client's key is for the target; whom to trust is the same.
        tls=Tls(ca=tls.ca) if tls and tls.ca else None,
    )


def shown(request: Request, settings: dict[str, Any], secrets: dict[str, Any]) -> Request:
    """The same call, with what the target asks for to know us; but for a token, which is lent."""
    auth = settings.get("auth") or {}
    request = replace(request, tls=_tls.of(settings, secrets))
    match auth.get("type", NONE):
        case "header":
            value = secrets["auth.value"]
            return _with_header(request, auth["name"], value)
        case "query":
            parameter = f"{quote(auth['name'], safe='')}={quote(secrets['auth.value'], safe='')}"
            return replace(request, url=asking(request.url, parameter))
        case "basic":
            pair = f"{auth['username']}:{secrets['auth.password']}".encode()
            value = f"Basic {base64.b64encode(pair).decode()}"
            return _with_header(request, "Authorization", value)
        case "bearer":
            return request.bearing(secrets["auth.token"])
    return request


def bound_to(settings: dict[str, Any], secret: str, target: tuple[str, ...]) -> Any:
    """Whom a secret of `auth` or `tls` is for; None if the settings have no use for it."""
    auth: Any = settings.get("auth")
    tls: Any = settings.get("tls")
    part, _, name = secret.partition(".")
    if part == "tls":
        return target if isinstance(tls, dict) and tls.get("certificate") else None
    kind = auth.get("type") if isinstance(auth, dict) else None
    if not isinstance(kind, str) or name not in KINDS.get(kind, ()):
        return None
    if name == "clientSecret":
        # Of the target too: it gets the token that the secret is good for.
        return (kind, *origin(auth.get("tokenUrl")), *target)
    # A header of another name might be one that a log shows.
    return kind, str(auth.get("name")), *target


def problems_together(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What does not fit together, of settings that are right one by one: a field, and why."""
    url, auth, tls = settings["url"], settings.get("auth") or {}, settings.get("tls") or {}
    if any(tls.values()) and urlsplit(url).scheme != "https":
        yield "url", "There is no TLS to http://, so `tls` has no use: write https://."
    if auth.get("type") == "query" and auth["name"] in dict(
        parse_qsl(urlsplit(url).query, keep_blank_values=True)
    ):
        yield "url", f"It has the parameter {auth['name']} already; leave it out here."


def warnings(settings: dict[str, Any]) -> Iterator[Problem]:
    """What may be saved and is not good: told to who saves it."""
    auth = settings.get("auth") or {}
    in_clear = "goes over the wire in the clear: whoever is on the way can read it. Use https://."
    if auth.get("type", NONE) not in (NONE, "oauth2") and settings["url"].startswith("http:"):
        yield Problem("url", "in_clear", f"What we show ourselves with {in_clear}")
    if auth.get("type") == "oauth2":
        for name, url in (("url", settings["url"]), ("auth.tokenUrl", auth["tokenUrl"])):
            if url.startswith("http:"):
                what = "The access token" if name == "url" else "The client secret"
                yield Problem(name, "in_clear", f"{what} {in_clear}")


def _with_header(request: Request, name: str, value: str) -> Request:
    return replace(request, headers={**request.headers, name: value})


def _header_name(name: str) -> None:
    try:
        line.checked_name(name)
    except ValueError as error:
        raise serializers.ValidationError(str(error), "invalid") from None
    if name.lower() in OURS or is_logged(name):
        text = f"The header {name} is ours, or shown in logs: a secret needs one of its own."
        raise serializers.ValidationError(text, "invalid")


def _parameter_name(name: str) -> None:
    if not name.isprintable() or set(name) & set("&=#? "):
        text = "Write the name of a parameter alone, such as api_key."
        raise serializers.ValidationError(text, "invalid")


def _user_name(name: str) -> None:
    if ":" in name:
        text = "There can't be a colon in the user name (RFC 7617)."
        raise serializers.ValidationError(text, "invalid")
