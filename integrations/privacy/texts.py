"""The texts that are looked for, and what comes in their place."""

import time
from collections.abc import Iterable
from typing import Any

from integrations.core import finding
from integrations.models import (
    Email,
    File,
)
from integrations.places import Place

ERASED = "[erased]"
SHORTEST, LONGEST, MOST = 4, 300, 20


class NotErasable(ValueError):
    """Texts that can't be looked for; the message says what to give instead, and repeats none."""


class OutOfTime(Exception):
    """Whoever waits for the counts has waited long enough."""


class Erasure:
    """The texts to look for, and what comes in their place."""

    def __init__(self, texts: Iterable[str], until: float | None = None) -> None:
        self._until = until
        self.texts = list(dict.fromkeys(each.strip() for each in texts if each.strip()))
        if not 1 <= len(self.texts) <= MOST:
            raise NotErasable(f"Give 1 to {MOST} texts, such as an e-mail address and a name.")
        for number, each in enumerate(self.texts, 1):
            if not SHORTEST <= len(each) <= LONGEST:
                much = (
                    "more than a name or an address" if len(each) > LONGEST else "found too often"
                )
                raise NotErasable(
                    f"Text {number} has {len(each)} characters and would be {much}: "
                    f"give {SHORTEST} to {LONGEST}."
                )
            if not any(letter.isalnum() for letter in each):
                raise NotErasable(f"Text {number} has no letter and no digit.")
        self._wanted = finding.Texts(self.texts)
        if self._wanted.spans(ERASED):
            raise NotErasable(f"What was erased reads {ERASED}; look for another text.")

    def in_time(self) -> None:
        """Asked between rows, and between the pieces of a long text."""
        if self._until is not None and time.monotonic() > self._until:
            raise OutOfTime

    def text(self, value: str) -> str:
        kept, done = [], 0
        for begin, end in self._wanted.spans(value, self.in_time):
            kept += [value[done:begin], ERASED]
            done = end
        return "".join([*kept, value[done:]]) if kept else value

    def document(self, value: Any, *, keys: bool = True) -> Any:
        """The same document without the texts, in values and, if they are people's, in keys."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                self.text(key) if keys else key: self.document(each, keys=keys)
                for key, each in value.items()
            }
        if isinstance(value, list):
            return [self.document(each, keys=keys) for each in value]
        return value

    def changes(self, place: Place, row: Any) -> dict[str, Any]:
        """The columns of this row that hold some of it, as they shall be."""
        made: dict[str, Any] = {name: self.text(getattr(row, name)) for name in place.texts}
        made |= {name: self.document(getattr(row, name)) for name in place.documents}
        made |= {name: self.document(getattr(row, name), keys=False) for name in place.ours}
        changed = {name: value for name, value in made.items() if value != getattr(row, name)}
        for name in place.texts:
            if limit := row._meta.get_field(name).max_length:
                changed.update({name: changed[name][:limit]} if name in changed else {})
        if place.unique in changed:  # two rows may read the same now
            name, own = place.unique, f" {row.pk}"
            changed[name] = changed[name][: row._meta.get_field(name).max_length - len(own)] + own
        if isinstance(row, Email) and (changed or self._read(row)):
            # What was read stands at places in a text that is another now.
            changed |= {"fields": {}, "warnings": []}
        if isinstance(row, File) and (content := self._content(row)) is not None:
            changed["content"] = content
        return changed

    def _read(self, mail: Email) -> bool:
        said = [mail.fields, mail.warnings]
        return bool(self.document(said) != said)

    def _content(self, file: File) -> bytes | None:
        """A file of text without the texts; None when there is nothing to change."""
        text = letters(file)
        if text is None or (erased := self.text(text)) == text:
            return None
        return erased.encode(file.encoding)


def letters(file: File) -> str | None:
    """What a file of text reads; None when it is none, or not of the letters it seemed to be."""
    try:
        return bytes(file.content).decode(file.encoding) if file.encoding else None
    except (LookupError, UnicodeError):
        return None
