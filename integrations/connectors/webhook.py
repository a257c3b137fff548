"""POST the document as JSON to a URL, signed when there is a secret (Standard Webhooks 1.0.0).

Or GET, to ask a target: then the document is the query of the URL, and there is no body.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from django.utils.translation import gettext_noop
from rest_framework import serializers

from integrations import egress
from integrations.connectors import _auth, _tls, base
from integrations.core import origin, query, signing
from integrations.core.errors import MappingError, Problem
from integrations.http import Grant, NotGranted, Request, call
from otms import __version__, documents
from otms.api.serializers import WireSerializer

POST, GET = METHODS = ("POST", "GET")
NO_LOGIN = (
    "Take the user name and the password out of the URL, which is shown: write them as "
    '{"auth": {"type": "basic", "username": "...", "password": "..."}} in the settings.'
)


UPDATES = ("PUT", "PATCH", "POST")
DELETES = ("DELETE", "POST", "PUT", "PATCH")
ID = "{{id}}"


def _may_sign(secret: str) -> None:
    try:
        signing.sign(secret or "none", "id", 0, b"")
    except ValueError as error:
        raise serializers.ValidationError(str(error), "invalid_secret") from None


def _signing_secret(help_text: str, **kwargs: Any) -> serializers.CharField:
    return serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=500,
        write_only=True,
        trim_whitespace=False,
        validators=[_may_sign],
        help_text=help_text,
        **kwargs,
    )


class _OfRecord(WireSerializer):
    """A call about a record that the target has: its URL, where `{{id}}` is the id there."""

    def validate_url(self, url: str) -> str:
        if ID in "".join(base.origin(url)):
            text = f"Write {ID} behind the host: where it leads to is not the target's to say."
            raise serializers.ValidationError(text, "address_refused")
        if "{{" in url.replace(ID, ""):
            raise serializers.ValidationError(f"The one place there is in a URL is {ID}.")
        _auth.web_address(url.replace(ID, "id"))
        return url


def _url_of_record(label: str, help_text: str) -> serializers.CharField:
    return serializers.CharField(
        label=label, required=False, allow_blank=True, max_length=2000, help_text=help_text
    )


class UpdateSettings(_OfRecord):
    url = _url_of_record(
        gettext_noop("URL for updates"),
        gettext_noop("Where to call when the target has the record: https://.../orders/{{id}}"),
    )
    method = serializers.ChoiceField(
        UPDATES, required=False, default=UPDATES[0], label=gettext_noop("Method for updates")
    )


class DeleteSettings(_OfRecord):
    url = _url_of_record(
        gettext_noop("URL for deletes"),
        gettext_noop("Where to call when the record is deleted here: https://.../orders/{{id}}"),
    )
    method = serializers.ChoiceField(
        DELETES, required=False, default=DELETES[0], label=gettext_noop("Method for deletes")
    )


class Settings(base.Settings):
    url = serializers.CharField(
        max_length=2000, help_text=gettext_noop("Where to call: https://...")
    )
    method = serializers.ChoiceField(
        METHODS,
        required=False,
        default=POST,
        help_text=gettext_noop(
            "POST sends what the mapping makes as JSON; GET asks with it as the query of the URL."
        ),
    )
    secret = _signing_secret(
        gettext_noop("Signs what is sent: whsec_ and base64, whsk_ for ed25519, or any text."),
        label=gettext_noop("Signing secret"),
    )
    previous_secret = _signing_secret(
        "Signs too, until `previousSecretUntil`, for who does not know the new one yet.",
        style={"elsewhere": True},
    )
    previous_secret_until = serializers.DateTimeField(
        required=False,
        allow_null=True,
        style={"elsewhere": True},
        help_text="Without it the previous secret is forgotten: 2026-12-31T12:00:00Z",
    )
    public_key = serializers.CharField(read_only=True)
    update = UpdateSettings(required=False, allow_null=True)  # type: ignore[assignment]
    delete = DeleteSettings(required=False, allow_null=True)
    auth = _auth.AuthSettings(required=False, allow_null=True)
    tls = _tls.TlsSettings(required=False, allow_null=True)

    def validate_url(self, url: str) -> str:
        scheme, _, rest = url.rpartition("://")
        if "@" in re.split(r"[/?#]", rest)[0]:
            raise serializers.ValidationError(NO_LOGIN, "address_refused")
        if "{{" in url:
            text = f"Take the place out: a URL with {ID} in it is written under `update`."
            raise serializers.ValidationError(text, "address_refused")
        if not scheme:
            text = f"Write the whole URL: https://{rest.lstrip('/')[:200]}"
            raise serializers.ValidationError(text, "address_refused")
        return _auth.web_address(url)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        wrong = {name: [text] for name, text in _auth.problems_together(attrs)}
        for name in ("update", "delete"):
            url = (attrs.get(name) or {}).get("url")
            if url and attrs.get("method") == GET:
                wrong[f"{name}.url"] = ["A GET asks, and changes nothing: take this out."]
            elif url and base.origin(url) != base.origin(attrs["url"]):
                text = "This has to lead to the host of `url`, for which the secrets are."
                wrong[f"{name}.url"] = [text]
        if wrong:
            raise serializers.ValidationError(wrong, "invalid")
        return attrs


class Connector(base.Connector):
    label = gettext_noop("Webhook")
    Settings = Settings
    unsent = ("tls.key",)

    @property
    def grant(self) -> Grant | None:
        grant = _auth.grant_of(self.settings, self.secrets)
        return grant and replace(grant, hidden=self.hidden)

    def request(self, document: Any, delivery: base.Delivery) -> Request:
        method, url, of_record = self._of(delivery)
        bare = self._asks or method == "DELETE"
        body = b"" if bare else documents.dumps(document)
        headers = {} if bare else {"Content-Type": "application/json"}
        headers |= {
            "User-Agent": f"otms/{__version__}",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(delivery.timestamp),
            "Idempotency-Key": delivery.id,
            "traceparent": delivery.traceparent,
            **({"tracestate": delivery.tracestate} if delivery.tracestate else {}),
            "X-OTMS-Attempt": str(delivery.attempt),
            "X-OTMS-Sequence": str(delivery.sequence),
            origin.HEADER: str(delivery.hops),
            **({base.TEST: "true"} if delivery.test else {}),
        }
        if secrets := self._signing_secrets(delivery.timestamp):
            headers |= signing.headers(secrets, delivery.id, delivery.timestamp, body)
        request = Request(method, url, headers, body, of_record=of_record)
        request = _auth.shown(request, self.settings, self.secrets)
        return _asking(request, document) if self._asks else request

    def needless(self, delivery: base.Delivery) -> str:
        gone = delivery.action == "deleted" and not delivery.remote_id
        return "the target was never told of it" if gone and self._call_for("delete") else ""

    def _of(self, delivery: base.Delivery) -> tuple[str, str, bool]:
        """The method and URL for this; and whether they are about a record that is there."""
        deletes = delivery.action == "deleted" and self._call_for("delete")
        call = deletes or self._call_for("update")
        if not (call and delivery.remote_id):
            return GET if self._asks else POST, self.settings["url"], False
        usual = (DELETES if deletes else UPDATES)[0]
        id = quote(delivery.remote_id, safe="")
        return call.get("method", usual), call["url"].replace(ID, id), True

    def _call_for(self, what: str) -> dict[str, Any]:
        """What the settings say of updates, or deletes; nothing without a URL."""
        said = self.settings.get(what) or {}
        return said if said.get("url") else {}

    def check(self, *, timeout: float, sample: Any = None) -> str:
        """A signed call that says it is a test: what answers 2xx to it takes deliveries too."""
        trial = base.Delivery.trial()
        # A parameter might mean something to who is asked.
        request = self.hiding(self.request({} if self._asks else {"test": True}, trial))
        if grant := self.grant:
            asked = call(grant.request(), timeout=timeout)
            try:
                request = request.bearing(grant.read(asked).text)
            except NotGranted as error:
                return error.message
            timeout = max(timeout - asked.duration_ms / 1000, 0.1)
        exchange = call(request, timeout=timeout)
        if exchange.error:
            return exchange.error
        status = exchange.status or 0
        if 200 <= status < 300:
            return ""
        text = f"{request.where} answered {status}{exchange.said()} to a test call."
        return f"{text} Redirects are not followed; change the URL." if status < 400 else text

    @property
    def told(self) -> dict[str, Any]:
        """The public keys of the secrets that sign now, for receivers to check `v1a` with."""
        keys = (signing.public_key(each) for each in self._signing_secrets())
        public = " ".join(key for key in keys if key)
        return {"publicKey": public} if public else {}

    @classmethod
    def bound_to(cls, settings: dict[str, Any], secret: str) -> tuple[str, ...] | None:
        target = base.origin(settings.get("url"))
        ended = not settings.get("previousSecretUntil")
        if ended and secret.startswith("previous"):
            return None
        return _auth.bound_to(settings, secret, target) if "." in secret else target

    @classmethod
    def warnings(
        cls, settings: dict[str, Any], secrets: Mapping[str, Any] | None = None
    ) -> Iterator[Problem]:
        auth = settings.get("auth") or {}
        for name, url in (("url", settings["url"]), ("auth.tokenUrl", auth.get("tokenUrl"))):
            if url:
                yield from _unresolved(name, url)
        yield from _auth.warnings(settings)
        yield from _tls.warnings(settings)
        if (secret := (secrets or {}).get("secret")) and signing.is_weak(secret):
            text = (
                f"The signing secret is shorter than {signing.SHORTEST} bytes: it may be guessed. "
                "Let generate/signingSecret make one, or Signing in the admin."
            )
            yield Problem("secret", "weak_secret", text)

    @classmethod
    def mapping_problems(cls, settings: dict[str, Any], mapping: Any) -> Iterator[Problem]:
        if settings.get("method") == GET:
            yield from query.problems(mapping)

    @classmethod
    def described(cls, settings: dict[str, Any]) -> dict[str, str]:
        return _tls.described(settings)

    @property
    def _asks(self) -> bool:
        return bool(self.settings.get("method") == GET)

    def _signing_secrets(self, moment: float | None = None) -> list[str]:
        """The secret, and while it is new the one before it."""
        found = [self.secrets[name] for name in ("secret",) if self.secrets.get(name)]
        until = self.settings.get("previousSecretUntil")
        if until and (previous := self.secrets.get("previousSecret")):
            now = datetime.now(UTC) if moment is None else datetime.fromtimestamp(moment, UTC)
            end = serializers.DateTimeField().to_internal_value(until)
            found += [previous] if now < end else []
        return found


def _asking(request: Request, document: Any) -> Request:
    """The same call with the document as its query; a parameter that is there is not said twice."""
    made = query.written(document)
    there = {name for name, _ in parse_qsl(urlsplit(request.url).query, keep_blank_values=True)}
    for name in document:
        if name in there:
            text = "The URL has this parameter already; take it out there, or map another name."
            raise MappingError(name, "", text)
    return replace(request, query=made)


def _unresolved(name: str, url: str) -> Iterator[Problem]:
    host, port = egress.target(url)
    try:
        egress.lookup(host, port, timeout=egress.RESOLVE_ON_SAVE)
    except OSError:
        text = f"No address of {host} is known at this moment; until one is, nothing arrives."
        yield Problem(name, "unresolved_host", text)
