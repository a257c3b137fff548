"""A person's data is erased from what is kept about deliveries; that they were made stays.

What is erased are given texts, such as an e-mail address and a name: exact, in capitals or not, as
whole words. Each becomes `[erased]` in snapshots, logs, mails, imports and files; statuses, times,
ids and sizes stay. Rows are read in the order of their keys and written a few at a time, so
that nothing waits for it. Orders, businesses and events are edited by people: which of them still
hold a text is said.

A command does all of it while somebody looks. What an owner asks for is a task: the texts are kept
sealed, and with each portion is written down how far it is, so whoever goes on after a crash
begins where that ended. When it is done the texts are forgotten.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from integrations.core import finding
from integrations.models import (
    Email,
    EntityChange,
    ErasureRequest,
    ExternalId,
    File,
    ImportRow,
    IntegrationObject,
    Replay,
    Task,
)
from integrations.models.status import OPEN
from integrations.models.task import OPEN as OPEN_TASK
from integrations.models.task import Kind, TaskStatus
from integrations.places import KEPT, PLACES, RECORDS, Place
from otms.accounts import audit
from otms.accounts.models import Platform
from otms.db.deadlock import again_after_deadlock
from otms.db.sealing import CannotOpen
from otms.orders.models import TransportOrder

log = logging.getLogger(__name__)

ERASED = "[erased]"
SHORTEST, LONGEST, MOST = 4, 300, 20
BATCH = 200
PORTIONS = 50  # that are gone through before another erasure has its turn
PORTION_SECONDS = 2  # behind which a portion takes no further row, however few it has
PREVIEW_SECONDS = 15  # no proxy gives up sooner
MOST_OPEN = 5  # erasures of a platform
MOST_NAMED = 20  # records of a kind that still hold a text
ACTION = "erase:personalData"
MUCH = 20  # rows; fewer are never called much


class NotErasable(ValueError):
    """Texts that can't be looked for; the message says what to give instead, and repeats none."""


class TooManyOpen(Exception):
    """Others are to be done first."""

    def __init__(self) -> None:
        super().__init__(
            f"{MOST_OPEN} erasures of this platform are not done yet. Wait until one is, or give "
            f"up to {MOST} texts at once."
        )


class OutOfTime(Exception):
    """Whoever waits for the counts has waited long enough."""


@dataclass
class Found:
    """What one kind of row held."""

    kind: str
    place: str
    looked: int = 0
    rows: int = 0
    waiting: int = 0  # beside these, left as they are until they are delivered
    unread: int = 0  # files that are no text, or not of the letters they seemed to be
    held: int = 0  # records that hold some of it, and are edited by people
    ids: list[str] = field(default_factory=list)  # of the first of them

    @property
    def is_much(self) -> bool:
        """Is it so large a part that a text may be too common a word?"""
        return self.rows + self.waiting > MUCH and 10 * (self.rows + self.waiting) > self.looked


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
        text = _letters(file)
        if text is None or (erased := self.text(text)) == text:
            return None
        return erased.encode(file.encoding)


def _letters(file: File) -> str | None:
    """What a file of text reads; None when it is none, or not of the letters it seemed to be."""
    try:
        return bytes(file.content).decode(file.encoding) if file.encoding else None
    except (LookupError, UnicodeError):
        return None


def erase(platform: Platform, texts: Iterable[str], *, dry_run: bool = False) -> Iterator[Found]:
    """Erase them from everything of a platform; each kind of row again and again as it goes on.

    A change that still waits to be delivered is left whole, and counted: erase again afterwards.
    """
    erasure, told = Erasure(texts), [Found(place.kind, place.name) for place in PLACES]
    is_begun = dry_run
    for place, found in zip(PLACES, told, strict=True):
        after: str | None = ""
        while after is not None:
            with nullcontext() if dry_run else transaction.atomic():
                after = _portion(erasure, platform.pk, place, found, after, dry_run=dry_run)
                if found.rows and not is_begun:
                    audit.record(ACTION, platform, note="Begun.")
                    is_begun = True
            yield found
    if not dry_run:
        audit.record(ACTION, platform, note=said(told))


@dataclass
class Preview:
    """How much each kind of row holds; of a large platform only what was seen in time."""

    found: list[Found]
    records: list[Found]
    complete: bool = True


def preview(platform: Platform, texts: Iterable[str]) -> Preview:
    """What each kind of row holds of them, while somebody waits; nothing is changed.

    Records come first: they are to be edited before anything is erased.
    """
    erasure = Erasure(texts, until=time.monotonic() + PREVIEW_SECONDS)
    records, kept = ([Found(each.kind, each.name) for each in of] for of in (RECORDS, KEPT))
    seen = Preview(kept, records)
    try:
        for place, found in zip((*RECORDS, *KEPT), (*records, *kept), strict=True):
            after: str | None = ""
            while after is not None:
                after = _portion(erasure, platform.pk, place, found, after, dry_run=True)
                erasure.in_time()
    except OutOfTime:
        seen.complete = False
    return seen


def said(told: Iterable[Found]) -> str:
    """What became of it in a sentence or three: how many of each kind, and never what."""
    told = list(told)
    counts = ", ".join(f"{each.place} ({each.rows})" for each in told if each.rows)
    text = f"Erased from {counts or 'nothing'}."
    if left := sum(each.waiting for each in told):
        text += f" Left whole, because they wait to be delivered: {left}. Erase again afterwards."
    if unread := sum(each.unread for each in told):
        text += f" Files that are no readable text, and were not looked into: {unread}."
    if held := ", ".join(f"{each.place} ({each.held})" for each in told if each.held):
        text += f" Still in {held}: edit or delete these, and erase again."
    return text


# As a task.


def start(platform: Platform, texts: Iterable[str], started_by: str) -> Task:
    """Keep the texts, sealed, for a worker that looks for them."""
    erasure = Erasure(texts)
    total = sum(_rows(place, platform.pk).count() for place in PLACES)
    with transaction.atomic():
        open_ = Task.objects.of(platform).filter(kind=Kind.ERASE, status__in=OPEN_TASK)
        if open_.count() >= MOST_OPEN:
            raise TooManyOpen
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
    rows = place.model._default_manager.filter(platform=platform_id)
    if place.model is ExternalId:
        # While its order is there, the next row of an import finds it by its name.
        orders = TransportOrder.objects.of(platform_id)
        rows = rows.exclude(entity_id__in=orders.values("pk"))
    return rows.order_by("pk")


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
    rows = _rows(place, platform_id)
    if after:
        rows = rows.filter(pk__gt=place.model._meta.pk.to_python(after))
    size = place.batch or BATCH
    batch = list(rows[:size])
    done = _one_batch(erasure, place, batch, found, dry_run)
    return str(batch[done - 1].pk) if done < len(batch) or done == size else None


def _one_batch(
    erasure: Erasure, place: Place, batch: list[Any], found: Found, dry_run: bool
) -> int:
    """Go through these rows, and end sooner when it takes long; how many it were."""
    until = time.monotonic() + PORTION_SECONDS
    if place.parts is not None:
        _look(erasure, place, batch, found)
        return len(batch)
    waiting = _waiting(place.model, batch)
    for number, row in enumerate(batch, 1):
        _one_row(erasure, place, row, found, dry_run, row.pk in waiting)
        erasure.in_time()
        if time.monotonic() > until:
            return number
    return len(batch)


def _one_row(
    erasure: Erasure, place: Place, row: Any, found: Found, dry_run: bool, waits: bool
) -> None:
    changes = erasure.changes(place, row)
    found.looked += 1
    found.unread += isinstance(row, File) and _letters(row) is None
    if changes and waits:
        found.waiting += 1
    elif changes:
        found.rows += 1
        if not dry_run:
            same = place.model._default_manager.filter(platform=row.platform_id, pk=row.pk)
            same.update(**changes)


def _look(erasure: Erasure, place: Place, batch: list[Any], found: Found) -> None:
    """Which of these records hold some of it, themselves or in what belongs to them."""
    keys = [row.pk for row in batch]
    held = {row.pk for row in _in_time(erasure, batch) if erasure.changes(place, row)}
    for part, lookup in place.parts or () if keys else ():
        rows = part.model._default_manager.filter(platform=batch[0].platform_id)
        rows = rows.filter(**{f"{lookup}__in": keys}).annotate(belongs_to=F(lookup))
        each = _in_time(erasure, rows.iterator(chunk_size=BATCH))
        held |= {row.belongs_to for row in each if erasure.changes(part, row)}
    found.looked += len(batch)
    found.held += len(held)
    named = [str(key) for key in keys if key in held]
    found.ids += named[: MOST_NAMED - len(found.ids)]


def _in_time(erasure: Erasure, rows: Iterable[Any]) -> Iterator[Any]:
    for row in rows:
        yield row
        erasure.in_time()


def _waiting(model: Any, batch: list[Any]) -> set[Any]:
    """Of these rows, those that something is still made of: it shall arrive as it was saved."""
    keys = [row.pk for row in batch]
    if not keys:
        return set()
    if model is EntityChange:
        queue = IntegrationObject.objects.of(batch[0].platform_id).filter(status__in=OPEN)
        found: set[Any] = set()
        for told in ("change_id", "since_id"):  # the first of those that it stands for, too
            found.update(queue.filter(**{f"{told}__in": keys}).values_list(told, flat=True))
        return found
    if model is IntegrationObject:
        return {row.pk for row in batch if row.status in OPEN}
    if model is ImportRow:
        return {row.pk for row in batch if not row.outcome}
    if model is Replay:
        tasks = Task.objects.of(batch[0].platform_id).filter(status__in=OPEN_TASK, replay__in=keys)
        return set(tasks.values_list("replay", flat=True))
    return set()
