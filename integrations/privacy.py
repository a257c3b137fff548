"""A person's data is erased from what is kept about deliveries; that they were made stays.

What is erased are given texts, such as an e-mail address and a name: exact, in capitals or not, as
whole words. Each becomes `[erased]` in snapshots, logs, mails, imports and files; statuses, times,
ids and sizes stay. Rows are read in the order of their keys and written a few at a time, so
that nothing waits for it; whoever is stopped half-way begins anew, and finds less to do.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from integrations.models import (
    Email,
    EntityChange,
    File,
    ImportRow,
    IntegrationObject,
    Log,
    RequestLog,
)
from integrations.models.queue import OPEN
from otms import documents
from otms.accounts import audit
from otms.accounts.models import Platform

ERASED = "[erased]"
SHORTEST, LONGEST, MOST = 3, 300, 20
BATCH = 200


class NotErasable(ValueError):
    """Texts that can't be looked for; the message says what to give instead."""


@dataclass(frozen=True)
class Place:
    """A kind of row, and its columns that may hold what people wrote."""

    model: Any
    texts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return str(self.model._meta.verbose_name_plural)


PLACES = (
    Place(EntityChange, ("reference",), ("before", "after")),
    Place(IntegrationObject, ("reference", "error", "reason")),
    Place(
        RequestLog,
        ("url", "request_body", "response_body", "error"),
        ("request_headers", "response_headers"),
    ),
    Place(Log, ("message",), ("data",)),
    Place(Email, ("sender", "address", "subject", "body", "text"), ("recipients",)),
    Place(ImportRow, ("external_id",), ("row", "errors", "warnings")),
    Place(File, ("original_name",)),
)


@dataclass
class Found:
    """What one kind of row held."""

    place: str
    looked: int = 0
    rows: int = 0
    waiting: int = 0  # of these, left as they are until they are delivered
    unread: int = 0  # files that are no text


class Erasure:
    """The texts to look for, and what comes in their place."""

    def __init__(self, texts: Iterable[str]) -> None:
        wanted = {each.strip() for each in texts if each.strip()}
        if not wanted or len(wanted) > MOST:
            raise NotErasable(f"Give 1 to {MOST} texts, such as an e-mail address and a name.")
        for each in wanted:
            if not SHORTEST <= len(each) <= LONGEST:
                raise NotErasable(f"A text has {SHORTEST} to {LONGEST} characters: {each[:40]!r}.")
        # As it is written, and as JSON spells it inside a body.
        spelled = {*wanted, *(documents.dumps(each).decode()[1:-1] for each in wanted)}
        ways = "|".join(re.escape(each) for each in sorted(spelled, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<!\w)(?:{ways})(?!\w)", re.IGNORECASE)

    def text(self, value: str) -> str:
        return self._pattern.sub(ERASED, value)

    def document(self, value: Any) -> Any:
        """The same document without the texts, in keys and in values."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.document(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.document(each) for each in value]
        return value

    def changes(self, place: Place, row: Any) -> dict[str, Any]:
        """The columns of this row that hold some of it, as they shall be."""
        made: dict[str, Any] = {name: self.text(getattr(row, name)) for name in place.texts}
        made |= {name: self.document(getattr(row, name)) for name in place.documents}
        changed = {name: value for name, value in made.items() if value != getattr(row, name)}
        for name in place.texts:
            if limit := row._meta.get_field(name).max_length:
                changed.update({name: changed[name][:limit]} if name in changed else {})
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
        if not file.encoding:
            return None
        try:
            text = bytes(file.content).decode(file.encoding)
            erased = self.text(text)
            return erased.encode(file.encoding) if erased != text else None
        except (LookupError, UnicodeError):
            return None


def erase(platform: Platform, texts: Iterable[str], *, dry_run: bool = False) -> Iterator[Found]:
    """Erase them from everything of a platform; each kind of row again and again as it goes on.

    A change that still waits to be delivered is left whole, and counted: erase again afterwards.
    """
    erasure, told = Erasure(texts), []
    for place in PLACES:
        found = Found(place.name)
        for batch in _batches(place.model, platform):
            _one_batch(erasure, place, batch, found, dry_run)
            yield found
        told.append(found)
        yield found
    if not dry_run:
        counts = ", ".join(f"{each.rows} {each.place}" for each in told if each.rows)
        left = sum(each.waiting for each in told)
        note = f"Erased from {counts or 'nothing'}." + (f" {left} still wait." if left else "")
        audit.record("erase:personalData", platform, note=note)


def _batches(model: type[models.Model], platform: Platform) -> Iterator[list[Any]]:
    """All rows in the order of their keys, a few at a time."""
    everything = model._default_manager.filter(platform=platform).order_by("pk")
    rows = list(everything[:BATCH])
    while rows:
        yield rows
        rows = list(everything.filter(pk__gt=rows[-1].pk)[:BATCH])


def _one_batch(
    erasure: Erasure, place: Place, batch: list[Any], found: Found, dry_run: bool
) -> None:
    found.looked += len(batch)
    waiting = _waiting(place.model, batch)
    with transaction.atomic():
        for row in batch:
            found.unread += isinstance(row, File) and not row.encoding
            if not (changes := erasure.changes(place, row)):
                continue
            if row.pk in waiting:
                found.waiting += 1
                continue
            found.rows += 1
            if not dry_run:
                same = place.model._default_manager.filter(platform=row.platform_id, pk=row.pk)
                same.update(**changes)


def _waiting(model: Any, batch: list[Any]) -> set[Any]:
    """Of these rows, those that something is still made of: it shall arrive as it was saved."""
    keys = [row.pk for row in batch]
    if model is EntityChange:
        queue = IntegrationObject.objects.of(batch[0].platform_id)
        open_ = queue.filter(change__in=keys, status__in=OPEN)
        return set(open_.values_list("change_id", flat=True))
    if model is IntegrationObject:
        return {row.pk for row in batch if row.status in OPEN}
    if model is ImportRow:
        return {row.pk for row in batch if not row.outcome}
    return set()
