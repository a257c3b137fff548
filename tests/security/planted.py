"""Secrets that can be found again, and where to look for them."""

import base64
import io
import secrets
from collections.abc import Iterator
from typing import Any

from django.core.management import call_command
from django.db import connection

MIXED = "/+&\"<' "  # what somebody escapes, each in another way


class Planted:
    """What was typed somewhere, and what was shown once: each by the place it was typed at.

    All that was typed has a mark in it, in each half, so that one search finds any of it.
    """

    def __init__(self) -> None:
        self._mark = secrets.token_hex(8)
        self._typed: dict[str, str] = {}
        self._shown: dict[str, str] = {}

    def text(self, place: str, around: str = "{}") -> str:
        """A new secret, typed at this place; a part of it is found however it is escaped."""
        core = "".join(f"{self._mark}{secrets.token_hex(4)}" for _ in range(2))
        self._typed[place] = core
        return around.replace("{}", core)

    def mixed(self, place: str) -> str:
        return self.text(place, f"x{MIXED}{{}}{MIXED}x")

    def keep(self, place: str, shown: str) -> str:
        """A secret of ours that a caller was shown this once."""
        self._shown[place] = shown.rpartition(".")[2][-24:]
        return shown

    @property
    def places(self) -> set[str]:
        return {*self._typed, *self._shown}

    def found_in(self, text: str) -> set[str]:
        """The places whose secret is in the text: whole or half, backwards, in base64 or hex."""
        found = {place for place, shown in self._shown.items() if shown in text}
        if any(form in text for form in _forms(self._mark)):
            whole = {place for place, core in self._typed.items() if core in text}
            found |= whole or {"somewhere"}
        return found

    def around(self, text: str) -> str:
        """Where in the text it was found, for who has to mend it."""
        wanted = [*_forms(self._mark), *self._shown.values()]
        at = min(place for form in wanted if (place := text.find(form)) >= 0)
        return text[max(at - 150, 0) : at + 150]


def _forms(mark: str) -> Iterator[str]:
    yield from (mark, mark[::-1], mark.encode().hex())
    for before in range(3):  # where in a group of three bytes it may begin
        encoded = base64.b64encode(bytes(before) + mark.encode()).decode()[4:20]
        yield encoded
        yield encoded.translate(str.maketrans("+/", "-_"))


def dump_of_the_database() -> dict[str, str]:
    """Every value of every column as it is stored, by table."""
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found[table] = "\n".join(
                _text(value) for row in cursor.fetchall() for value in row if value is not None
            )
    return found


def _text(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("latin-1")
    return str(value)


def dump_of_the_records() -> str:
    told = io.StringIO()
    call_command("dumpdata", use_base_manager=True, stdout=told)
    return told.getvalue()
