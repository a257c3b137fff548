"""One setting of an app: what a person may fill in, and what is wrong with what was."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from integrations import egress
from otms.documents import shorten

LONGEST = {"string": 2_000, "multiline": 10_000}
# What a value of each type is to JSON, and how that is said.
TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "a text"),
    "integer": ((int,), "a whole number"),
    "number": ((int, float, Decimal), "a number"),
    "boolean": ((bool,), "true or false"),
    "array": ((list,), "a list"),
}


def _hostname(value: str) -> None:
    if egress.spelled(value) == "" or set(value) & set("/:@?#"):
        raise ValueError("Write the name of a host alone, such as db.example.")


def _email(value: str) -> None:
    try:
        validate_email(value)
    except ValidationError:
        raise ValueError("Write an e-mail address, such as orders@example.com.") from None


# Raises ValueError with what to write instead.
FORMATS: dict[str, Callable[[str], Any]] = {
    "url": egress.target,
    "hostname": _hostname,
    "email": _email,
    "multiline": lambda value: None,
}


@dataclass(frozen=True)
class Setting:
    """What the manifest says of it; `enum` of an array are the values to choose some of."""

    type: str
    title: str
    description: str = ""
    format: str = ""
    default: Any = None
    enum: tuple[Any, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    required: bool = False
    secret: bool = False

    def cleaned(self, value: Any) -> Any:
        """As it is kept: without the blanks that a paste brings along; None is nothing."""
        if isinstance(value, str) and not self.secret and self.format != "multiline":
            value = value.strip()
        return None if value == "" else value

    def problem(self, value: Any) -> str:
        """What is wrong with a value; "" if nothing is."""
        kinds, words = TYPES[self.type]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            return f"Write {words}, not {shorten('***' if self.secret else value)}."
        checked: Any = value
        if isinstance(value, str):
            longest = LONGEST.get(self.format, LONGEST["string"])
            if len(value) > longest:
                return f"Write at most {longest} characters."
        given = value if isinstance(value, list) else [value]
        if self.required and not given:
            return f"Choose some of {', '.join(map(str, self.enum))}; null chooses the usual ones."
        if self.enum and any(each not in self.enum for each in given):
            some = "some of " if self.type == "array" else "one of "
            return f"Choose {some}{', '.join(map(str, self.enum))}."
        if self.minimum is not None and checked < self.minimum:
            return f"Write {self.minimum} or more."
        if self.maximum is not None and checked > self.maximum:
            return f"Write {self.maximum} or less."
        if self.format:
            try:
                FORMATS[self.format](checked)
            except ValueError as error:
                return str(error)
        return ""

    def shown(self) -> dict[str, Any]:
        """As the API shows it: a property of a JSON Schema, with `required` and `secret` in it."""
        said = {name: value for name, value in vars(self).items() if value not in (None, "", ())}
        return {**said, "required": self.required, "secret": self.secret}
