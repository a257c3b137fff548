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

import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from django.db import transaction

from integrations.places import KEPT, PLACES, RECORDS
from integrations.privacy.rows import Found, portion, said
from integrations.privacy.texts import Erasure, OutOfTime
from otms.accounts import audit
from otms.accounts.models import Platform

ACTION = "erase:personalData"
PREVIEW_SECONDS = 15  # no proxy gives up sooner


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
                after = portion(erasure, platform.pk, place, found, after, dry_run=dry_run)
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
                after = portion(erasure, platform.pk, place, found, after, dry_run=True)
                erasure.in_time()
    except OutOfTime:
        seen.complete = False
    return seen
