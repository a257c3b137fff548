"""What a connector file says: its settings, and the call that delivers a document."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit
from uuid import uuid4

from rest_framework import serializers

from integrations.core.errors import Problem
from integrations.http import Exchange, Request
from otms.api.errors import flatten
from otms.api.serializers import WireSerializer


@dataclass(frozen=True)
class Delivery:
    """The circumstances of one attempt: `id` is the same on each, the rest is fresh."""

    id: str
    attempt: int
    sequence: int
    timestamp: int  # seconds since 1970
    traceparent: str  # W3C trace context

    @classmethod
    def trial(cls) -> Self:
        """The circumstances of a call that is no delivery."""
        id = uuid4()
        trace = f"00-{id.hex}-{token_hex(8)}-01"
        return cls(str(id), 1, 0, int(time.time()), trace)


LONG_LINE = 16  # of a private key, say


class Settings(WireSerializer):
    """A connector's settings; fields marked `write_only` are secrets: encrypted, never shown."""


class Connector:
    """One way out, over HTTP. `request()` is pure: what it returns is sent byte for byte."""

    label: ClassVar[str]
    Settings: ClassVar[type[Settings]]

    def __init__(self, settings: dict[str, Any], secrets: dict[str, Any]) -> None:
        self.settings = settings
        self.secrets = secrets

    def request(self, document: Any, delivery: Delivery) -> Request:
        raise NotImplementedError(f"{type(self).__module__} does not say what it sends.")

    def hiding(self, request: Request) -> Request:
        """The request; what its answer says again of our secrets is masked wherever it is kept."""
        return replace(request, hidden=(*request.hidden, *secret_texts(self.secrets)))

    def refusal(self, exchange: Exchange) -> str:
        """What the target refused, in its own way of saying so; "" if it didn't.

        An answer of success is one only without it: 2xx is not success by itself.
        """
        return ""

    def check(self, *, timeout: float, sample: Any = None) -> str:
        """Ask the target whether it would take deliveries, and deliver none: why not, or "".

        The sample is a document such as will be delivered, for targets that can be asked about it.
        """
        raise NotImplementedError(f"{type(self).__module__} does not say how to check its target.")

    @classmethod
    def origin(cls, settings: dict[str, Any]) -> tuple[str, ...]:
        """Whom the secrets are for: at another one they are not kept."""
        try:
            parts = urlsplit(str(settings.get("url", "")))
        except ValueError:  # no URL at all, which the settings' own check says
            return ()
        return parts.scheme, parts.netloc

    @classmethod
    def secret_names(cls) -> list[str]:
        return [name for name, field in cls.Settings().fields.items() if field.write_only]

    @classmethod
    def problems(cls, settings: dict[str, Any], secrets: dict[str, Any]) -> Iterator[Problem]:
        """What is wrong with settings and secrets together, field by field."""
        reader = cls.Settings(data={**settings, **secrets})
        if not reader.is_valid():
            details = serializers.ValidationError(reader.errors).get_full_details()
            for error in flatten(details):
                yield Problem(error["field"], error["code"], error["message"])

    @classmethod
    def warnings(cls, settings: dict[str, Any]) -> Iterator[Problem]:
        """What is right, and yet will probably not work as it is now."""
        yield from ()


def secret_texts(secrets: Mapping[str, Any]) -> Iterator[str]:
    """What is to be hidden of secrets: each as a whole, and the lines of those that have many."""
    for value in map(str, secrets.values()):
        yield value
        lines = value.splitlines() if "\n" in value else []
        yield from (line for line in lines if len(line) >= LONG_LINE and line[:5] != "-----")


class BlockingConnector(Connector):
    """One way out over another protocol, by a library that waits: each call has a thread.

    Its requests have a verb of that protocol as method, a URL that says where, and a body that says
    what. An exchange without an error is delivered.
    """

    def call(self, request: Request, *, timeout: float) -> Exchange:
        """send(), and what the other side said, as it may be shown."""
        return self.send(request, timeout=timeout).unsaid()

    def send(self, request: Request, *, timeout: float) -> Exchange:
        """Make the call, `timeout` seconds in all; whatever goes wrong is an error in it."""
        raise NotImplementedError(f"{type(self).__module__} does not say how it sends.")
