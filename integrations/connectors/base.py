"""What a connector file says: its settings, and the call that delivers a document."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit
from uuid import uuid4

from rest_framework import serializers

from integrations.core.errors import Problem
from integrations.http import Exchange, Grant, Request
from otms.api.errors import flatten
from otms.api.serializers import WireSerializer

TEST = "X-OTMS-Test"  # a header that says that this is one


@dataclass(frozen=True)
class Delivery:
    """The circumstances of one attempt: `id` is the same on each, the rest is fresh."""

    id: str
    attempt: int
    sequence: int
    timestamp: int  # seconds since 1970
    traceparent: str  # W3C trace context
    hops: int = 1  # this one, and the deliveries of ours that led to it
    test: bool = False  # a call that somebody makes to see what comes of it
    action: str = "created"  # created, updated or deleted
    tracestate: str = ""  # what other systems noted about the trace
    remote_id: str = ""  # what the target calls the record, where an answer told it

    @classmethod
    def now(cls, id: str, attempt: int = 1, sequence: int = 0) -> Self:
        """The circumstances of a call that is made at this moment, with a trace of its own."""
        trace = f"00-{uuid4().hex}-{token_hex(8)}-01"
        return cls(id, attempt, sequence, int(time.time()), trace)

    @classmethod
    def trial(cls) -> Self:
        """The circumstances of a call that is no delivery."""
        return replace(cls.now(str(uuid4())), test=True)


LONG_LINE = 16  # of a private key, say


class Settings(WireSerializer):
    """A connector's settings; fields marked `write_only` are secrets: encrypted, never shown.

    Those marked `read_only` are what the connector tells of itself. A part may be a serializer of
    its own: what stands in it is named with a dot, `auth.token`.
    """

    def leaves(self) -> Iterator[tuple[str, serializers.Field]]:
        """Every field that holds a value, by its name."""
        yield from _leaves(self, "")


def _leaves(part: Any, prefix: str) -> Iterator[tuple[str, serializers.Field]]:
    for name, field in part.fields.items():
        if isinstance(field, serializers.Serializer):
            yield from _leaves(field, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def value_at(settings: dict[str, Any], name: str) -> Any:
    """What the settings say under a name, `auth.type`; None if nothing."""
    found: Any = settings
    for piece in name.split("."):
        found = found.get(piece) if isinstance(found, dict) else None
    return found


def merged(settings: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The settings with these values, which have names such as `auth.token`, in their places."""
    made = dict(settings)
    for name, value in values.items():
        first, dot, rest = name.partition(".")
        if not dot:
            made[first] = value
        elif isinstance(part := made.get(first) or {}, dict):
            made[first] = merged(part, {rest: value})
    return made


def parted(
    settings: Mapping[str, Any], names: Iterable[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings without the values that have these names, and those values."""
    left, taken = dict(settings), {}
    for name in names:
        first, dot, rest = name.partition(".")
        if not dot and first in left:
            taken[name] = left.pop(first)
        elif dot and isinstance(left.get(first), dict):
            left[first], found = parted(left[first], [rest])
            taken |= {f"{first}.{each}": value for each, value in found.items()}
            if found and not left[first]:  # a part of nothing else than what was taken
                del left[first]
    return left, taken


class Connector:
    """One way out, over HTTP. `request()` is pure: what it returns is sent byte for byte."""

    label: ClassVar[str]
    Settings: ClassVar[type[Settings]]
    unsent: ClassVar[tuple[str, ...]] = ()  # secrets that never leave: nobody can say them again

    def __init__(self, settings: dict[str, Any], secrets: dict[str, Any]) -> None:
        self.settings = settings
        self.secrets = secrets

    def request(self, document: Any, delivery: Delivery) -> Request:
        raise NotImplementedError(f"{type(self).__module__} does not say what it sends.")

    def hiding(self, request: Request) -> Request:
        """The request; what its answer says again of our secrets is masked wherever it is kept."""
        return replace(request, hidden=(*request.hidden, *self.hidden))

    @property
    def hidden(self) -> tuple[str, ...]:
        """What is masked wherever a target says it."""
        sent, _ = parted(self.secrets, self.unsent)
        return tuple(secret_texts(sent))

    @property
    def grant(self) -> Grant | None:
        """How an access token is had that each call has to bear; None if it bears none."""
        return None

    def needless(self, delivery: Delivery) -> str:
        """Why there is nothing to tell the target, as a part of a sentence; "" if there is."""
        return ""

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
    def bound_to(cls, settings: dict[str, Any], secret: str) -> tuple[str, ...] | None:
        """Whom a secret is for under these settings; it is kept for nobody else.

        None says that they have no use for it.
        """
        return origin(settings.get("url"))

    @classmethod
    def secret_names(cls) -> list[str]:
        return [name for name, field in cls.Settings().leaves() if field.write_only]

    @classmethod
    def unasked(cls) -> list[str]:
        """Secrets that another page or call makes: nobody types them."""
        leaves = cls.Settings().leaves()
        return [name for name, field in leaves if field.write_only and "elsewhere" in field.style]

    @classmethod
    def told_names(cls) -> list[str]:
        """What is shown among the settings, and is not a person's to say."""
        return [name for name, field in cls.Settings().leaves() if field.read_only]

    @property
    def told(self) -> dict[str, Any]:
        """What there is to show under those names."""
        return {}

    @classmethod
    def problems(cls, settings: dict[str, Any], secrets: dict[str, Any]) -> Iterator[Problem]:
        """What is wrong with settings and secrets together, field by field."""
        reader = cls.Settings(data=merged(settings, secrets))
        if not reader.is_valid():
            details = serializers.ValidationError(reader.errors).get_full_details()
            for error in flatten(details):
                yield Problem(error["field"], error["code"], error["message"])

    @classmethod
    def warnings(
        cls, settings: dict[str, Any], secrets: Mapping[str, Any] | None = None
    ) -> Iterator[Problem]:
        """What is right, and yet will probably not work as it is now, or is not good."""
        yield from ()

    @classmethod
    def mapping_problems(cls, settings: dict[str, Any], mapping: Any) -> Iterator[Problem]:
        """What of a mapping, None for none, can never be sent under these settings."""
        yield from ()

    @classmethod
    def described(cls, settings: dict[str, Any]) -> dict[str, str]:
        """What a person can't see in settings such as certificates, by their names."""
        return {}


def secret_texts(secrets: Mapping[str, Any]) -> Iterator[str]:
    """What is to be hidden of secrets: each as a whole, and the lines of those that have many."""
    for value in map(str, secrets.values()):
        yield value
        lines = value.splitlines() if "\n" in value else []
        yield from (line for line in lines if len(line) >= LONG_LINE and line[:5] != "-----")


def origin(url: Any) -> tuple[str, ...]:
    """Whom a URL belongs to: its scheme, host and port."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:  # no URL at all, which the settings' own check says
        return ()
    return parts.scheme, parts.netloc


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
