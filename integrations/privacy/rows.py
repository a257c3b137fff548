"""The rows that are looked through, a portion at a time, and what was found in them."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F

from integrations.models import (
    EntityChange,
    ExternalId,
    File,
    ImportRow,
    IntegrationObject,
    Replay,
    Task,
)
from integrations.models.status import OPEN
from integrations.models.task import OPEN as OPEN_TASK
from integrations.places import Place
from integrations.privacy.texts import Erasure, letters
from otms.orders.models import TransportOrder

BATCH = 200
PORTION_SECONDS = 2  # behind which a portion takes no further row, however few it has
MOST_NAMED = 20  # records of a kind that still hold a text
MUCH = 20  # rows; fewer are never called much


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


def all_rows(place: Place, platform_id: Any) -> Any:
    """All rows of a kind in the order of their keys."""
    rows = place.model._default_manager.filter(**{place.of: platform_id})
    if place.model is ExternalId:
        # While its order is there, the next row of an import finds it by its name.
        orders = TransportOrder.objects.of(platform_id)
        rows = rows.exclude(entity_id__in=orders.values("pk"))
    return rows.order_by("pk")


def portion(
    erasure: Erasure,
    platform_id: Any,
    place: Place,
    found: Found,
    after: str,
    *,
    dry_run: bool = False,
) -> str | None:
    """The next few rows behind this key; the key of the last, or None when there are no more."""
    rows = all_rows(place, platform_id)
    if after:
        rows = rows.filter(pk__gt=place.model._meta.pk.to_python(after))
    size = place.batch or BATCH
    batch = list(rows[:size])
    done = _one_batch(erasure, place, batch, found, dry_run, platform_id)
    return str(batch[done - 1].pk) if done < len(batch) or done == size else None


def _one_batch(
    erasure: Erasure,
    place: Place,
    batch: list[Any],
    found: Found,
    dry_run: bool,
    platform_id: Any,
) -> int:
    """Go through these rows, and end sooner when it takes long; how many it were."""
    until = time.monotonic() + PORTION_SECONDS
    if place.parts is not None:
        _look(erasure, place, batch, found)
        return len(batch)
    waiting = _waiting(place.model, batch)
    for number, row in enumerate(batch, 1):
        changes = _one_row(erasure, place, row, found, row.pk in waiting)
        if changes and not dry_run:
            _write(erasure, place, row.pk, changes, platform_id)
        erasure.in_time()
        if time.monotonic() > until:
            return number
    return len(batch)


def _one_row(erasure: Erasure, place: Place, row: Any, found: Found, waits: bool) -> dict[str, Any]:
    """Count it; its columns that are to be changed."""
    changes = erasure.changes(place, row)
    found.looked += 1
    found.unread += isinstance(row, File) and letters(row) is None
    if changes and waits:
        found.waiting += 1
        return {}
    found.rows += bool(changes)
    return changes


def _write(
    erasure: Erasure, place: Place, key: Any, changes: dict[str, Any], platform_id: Any
) -> None:
    same = place.model._default_manager.filter(**{"pk": key, place.of: platform_id})
    if place.busy:
        locked = same.select_for_update(no_key=True, of=("self",))
        changes = next((erasure.changes(place, each) for each in locked), {})
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
