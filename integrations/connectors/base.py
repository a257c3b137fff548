"""What a connector file says: its settings, and the call that delivers a document."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from rest_framework import serializers

from integrations.core.errors import Problem
from integrations.http import Request
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


class Settings(WireSerializer):
    """A connector's settings; fields marked `write_only` are secrets: encrypted, never shown."""


class Connector:
    """One way out. `request()` is pure: what it returns is what is sent, byte for byte."""

    label: ClassVar[str]
    Settings: ClassVar[type[Settings]]

    def __init__(self, settings: dict[str, Any], secrets: dict[str, Any]) -> None:
        self.settings = settings
        self.secrets = secrets

    def request(self, document: Any, delivery: Delivery) -> Request:
        raise NotImplementedError(f"{type(self).__module__} does not say what it sends.")

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
