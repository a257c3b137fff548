"""A person's data is erased from what is kept about deliveries; that they were made stays.

What is erased are given texts, such as an e-mail address and a name: exact, in capitals or not, as
whole words. Each becomes `[erased]` in snapshots, logs, mails, imports and files; statuses, times,
ids and sizes stay. Rows are read in the order of their keys and written a few at a time, so
that nothing waits for it.

A command does all of it while somebody looks. What an owner asks for is a task: the texts are kept
sealed, and with each portion is written down how far it is, so whoever goes on after a crash
begins where that ended. When it is done the texts are forgotten.
"""

import html
import json
import logging
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote, quote_plus

from django.db import InterfaceError, OperationalError, transaction

from integrations.models import (
    Email,
    EntityChange,
    ErasureRequest,
    File,
    ImportRow,
    IntegrationObject,
    Log,
    RequestLog,
    Task,
)
from integrations.models.queue import OPEN
from integrations.models.task import Kind, TaskStatus
from otms import documents
from otms.accounts import audit
from otms.accounts.models import Platform
from otms.db.deadlock import again_after_deadlock
from otms.db.sealing import CannotOpen

log = logging.getLogger(__name__)

ERASED = "[erased]"
SHORTEST, LONGEST, MOST = 4, 300, 20
BATCH = 200
PORTIONS = 50  # that are gone through before another erasure has its turn
PREVIEW_SECONDS = 15  # no proxy gives up sooner
ACTION = "erase:personalData"
MUCH = 20  # rows; fewer are never called much
# A word begins behind what is no letter, or behind an escape: `\nAnn` in JSON, `%20Ann` in a URL.
BEGINS = r"(?:(?<!\w)|(?<=\\[nrtbf])|(?<=\\u[0-9a-f]{4})|(?<=%[0-9a-f]{2}))"

# Letters that match an ASCII letter where capitals do not matter, and have no such small letter.
LIKE_ASCII = {0x130: "i", 0x131: "i", 0x17F: "s"}


class NotErasable(ValueError):
    """Texts that can't be looked for; the message says what to give instead, and repeats none."""


@dataclass(frozen=True)
class Place:
    """A kind of row, and its columns that may hold what people wrote."""

    model: Any
    name: str
    texts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    batch: int | None = None  # rows that are read together, where they are large

    @property
    def kind(self) -> str:
        return audit.kind(self.model)


PLACES = (
    Place(EntityChange, "changes", ("reference",), ("before", "after")),
    Place(IntegrationObject, "objects of the queue", ("reference", "error", "reason")),
    Place(
        RequestLog,
        "request logs",
        ("url", "request_body", "response_body", "error"),
        ("request_headers", "response_headers"),
    ),
    Place(Log, "logs", ("message",), ("data",)),
    Place(Email, "mails", ("sender", "address", "subject", "body", "text"), ("recipients",)),
    Place(ImportRow, "rows of imports", ("external_id",), ("row", "errors", "warnings")),
    Place(File, "files", ("original_name",), batch=5),
)


@dataclass
class Found:
    """What one kind of row held."""

    kind: str
    place: str
    looked: int = 0
    rows: int = 0
    waiting: int = 0  # beside these, left as they are until they are delivered
    unread: int = 0  # files that are no text

    @property
    def is_much(self) -> bool:
        """Is it so large a part that a text may be too common a word?"""
        return self.rows + self.waiting > MUCH and 10 * (self.rows + self.waiting) > self.looked


class Erasure:
    """The texts to look for, and what comes in their place."""

    def __init__(self, texts: Iterable[str]) -> None:
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
        ways = {way for each in self.texts for way in _spellings(each)}
        either = "|".join(re.escape(each) for each in sorted(ways, key=len, reverse=True))
        self._needles = [way.translate(LIKE_ASCII).lower() for way in ways]
        self._pattern = re.compile(rf"{BEGINS}(?:{either})(?!\w)", re.IGNORECASE)
        if self._pattern.search(ERASED):
            raise NotErasable(f"What was erased reads {ERASED}; look for another text.")

    def text(self, value: str) -> str:
        if value.isascii():  # as most are; this is the quicker way to see that there is nothing
            lowered = value.lower()
            if not any(each in lowered for each in self._needles):
                return value
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
        found = Found(place.kind, place.name)
        told.append(found)
        after: str | None = ""
        while after is not None:
            after = _portion(erasure, platform.pk, place, found, after, dry_run=dry_run)
            yield found
    if not dry_run:
        audit.record(ACTION, platform, note=said(told))


@dataclass
class Preview:
    """How much each kind of row holds; of a large platform only what was seen in time."""

    found: list[Found]
    complete: bool


def preview(platform: Platform, texts: Iterable[str]) -> Preview:
    """What each kind of row holds of them, while somebody waits; nothing is changed."""
    until = time.monotonic() + PREVIEW_SECONDS
    seen = {place.kind: Found(place.kind, place.name) for place in PLACES}
    for each in erase(platform, texts, dry_run=True):
        seen[each.kind] = each
        if time.monotonic() > until:
            return Preview(list(seen.values()), complete=False)
    return Preview(list(seen.values()), complete=True)


def said(told: Iterable[Found]) -> str:
    """What became of it in a sentence or three: how many of each kind, and never what."""
    told = list(told)
    counts = ", ".join(f"{each.place} ({each.rows})" for each in told if each.rows)
    text = f"Erased from {counts or 'nothing'}."
    if left := sum(each.waiting for each in told):
        text += f" Left whole, because they wait to be delivered: {left}. Erase again afterwards."
    if unread := sum(each.unread for each in told):
        text += f" Files that are no text, and were not looked into: {unread}."
    return text


# As a task.


def start(platform: Platform, texts: Iterable[str], started_by: str) -> Task:
    """Keep the texts, sealed, for a worker that looks for them."""
    erasure = Erasure(texts)
    total = sum(_rows(place, platform.pk).count() for place in PLACES)
    with transaction.atomic():
        task = Task.objects.create(
            platform=platform, kind=Kind.ERASE, total=total, started_by=started_by[:200]
        )
        ErasureRequest.objects.create(
            platform=platform, task=task, secrets={"texts": erasure.texts}
        )
        audit.record(ACTION, platform, note=f"Asked for, as task {task.pk}.")
    return task


_stopping = threading.Event()
_busy = threading.Lock()


def work_off() -> None:
    """Carry out what was asked for, until nothing waits; one thread of a process is enough."""
    if not _busy.acquire(blocking=False):
        return
    try:
        while not _stopping.is_set() and (task := Task.objects.all().claim(Kind.ERASE)):
            _carry_on(task)
    finally:
        _busy.release()


def stop() -> None:
    """Finish the portion that was begun; another worker, or the next start, goes on behind it."""
    _stopping.set()


def _carry_on(task: Task) -> None:
    """Some portions; when there are none left, the task is done and the texts are forgotten."""
    for _ in range(PORTIONS):
        try:
            if not again_after_deadlock(lambda: _one_portion(task)):
                return
        except (OperationalError, InterfaceError):
            raise  # the database is away: the task waits
        except CannotOpen:
            _give_up(task, "The texts can't be read: the key that sealed them is gone. Ask anew.")
            return
        except Exception as error:  # noqa: BLE001 - it must not stay open with the texts for ever
            # What a database complains of may hold what it complains about: only its kind is said.
            kind = type(error).__name__
            log.error("an erasure failed", extra={"task": str(task.pk), "error": kind})
            _give_up(task, f"Stopped by a fault on our side, {kind}. What was erased stays erased.")
            return
        if _stopping.is_set():
            break
    task.let_go()


@transaction.atomic
def _one_portion(task: Task) -> bool:
    """The next few rows, and how far that is, in one transaction; False when nothing is left."""
    mine = ErasureRequest.objects.of(task.platform_id).filter(task=task)
    request = mine.select_for_update(no_key=True).first()
    if request is None:  # somebody else came to the end
        return False
    told = [Found(**each) for each in request.told] or [Found(PLACES[0].kind, PLACES[0].name)]
    place = next(each for each in PLACES if each.kind == told[-1].kind)
    erasure = Erasure(request.secrets["texts"])
    after = _portion(erasure, task.platform_id, place, told[-1], request.after)
    looked = sum(each.looked for each in told)
    if after is None:
        following = PLACES[PLACES.index(place) + 1 :]
        if not following:
            _finish(task, request, told)
            return False
        told.append(Found(following[0].kind, following[0].name))
    request.told, request.after = [asdict(each) for each in told], after or ""
    request.save(update_fields=["told", "after", "updated_at"])
    return task.progress(looked, 0)


def _finish(task: Task, request: ErasureRequest, told: list[Found]) -> None:
    looked, note = sum(each.looked for each in told), said(told)
    if task.finish(looked, 0, note, total=looked):
        audit.record(ACTION, task.platform, note=f"{note} Task {task.pk}.")
    request.delete()


def _give_up(task: Task, message: str) -> None:
    with transaction.atomic():
        task.finish(task.done, 0, message, status=TaskStatus.FAILED)
        ErasureRequest.objects.of(task.platform_id).filter(task=task).delete()


# The rows.


def _rows(place: Place, platform_id: Any) -> Any:
    """All rows of a kind in the order of their keys."""
    return place.model._default_manager.filter(platform=platform_id).order_by("pk")


def _portion(
    erasure: Erasure,
    platform_id: Any,
    place: Place,
    found: Found,
    after: str,
    *,
    dry_run: bool = False,
) -> str | None:
    """The next few rows behind this key; the key of the last, or None when there are no more."""
    rows, size = _rows(place, platform_id), place.batch or BATCH
    if after:
        rows = rows.filter(pk__gt=place.model._meta.pk.to_python(after))
    with nullcontext() if dry_run else transaction.atomic():
        batch = list(rows[:size])
        _one_batch(erasure, place, batch, found, dry_run)
    return str(batch[-1].pk) if len(batch) == size else None


def _one_batch(
    erasure: Erasure, place: Place, batch: list[Any], found: Found, dry_run: bool
) -> None:
    found.looked += len(batch)
    waiting = _waiting(place.model, batch)
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


def _spellings(text: str) -> Iterator[str]:
    """As it is written, and as JSON, URLs and pages spell it inside a body."""
    yield text
    yield documents.dumps(text).decode()[1:-1]
    yield json.dumps(text)[1:-1]
    yield quote(text)
    yield quote(text, safe="")
    yield quote_plus(text)
    yield html.escape(text)


def _waiting(model: Any, batch: list[Any]) -> set[Any]:
    """Of these rows, those that something is still made of: it shall arrive as it was saved."""
    keys = [row.pk for row in batch]
    if not keys:
        return set()
    if model is EntityChange:
        queue = IntegrationObject.objects.of(batch[0].platform_id)
        open_ = queue.filter(change__in=keys, status__in=OPEN)
        return set(open_.values_list("change_id", flat=True))
    if model is IntegrationObject:
        return {row.pk for row in batch if row.status in OPEN}
    if model is ImportRow:
        return {row.pk for row in batch if not row.outcome}
    return set()
