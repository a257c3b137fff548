"""Is there room for more? Intake stops first, so that what was taken in can be delivered.

Measured by whoever comes first, every ten seconds: a hint of beat does it in a worker. What is
found lies in the cache for the doors of all processes, each of which looks there every two seconds
at most; so a door costs a call no statement. Where nothing was measured for a minute, because beat
or the workers are gone, a door is open, and has its own process measure.
"""

import logging
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import Error, OperationalError, connection, connections, transaction
from django.db.models import Count
from django.utils.timezone import now

from integrations import on_call
from integrations.core.room import Level, Room
from integrations.models import Integration, IntegrationObject, Pressure
from integrations.models.pressure import Measured, Of, Turn
from otms.api import intake
from otms.api.errors import Full
from otms.api.permissions import good_for
from otms.db.full import is_full
from otms.documents import timestamp

log = logging.getLogger(__name__)

EVERY = 10.0  # seconds between two measurements
REST = 30  # but at least so many times what the last one took
LONGEST_REST = 40.0
FRESH = 60  # seconds that a measurement counts; after that it is not known
KNOWN = 2.0  # seconds that a process knows what the cache said
LONGEST = 3  # queues that are named
KEY, TAKEN = "pressure", "pressure-is-measured"
RETRY = {Of.QUEUE: 30, Of.DISK: 60, Of.DATABASE: 60}  # seconds after which to ask again

Facts = dict[str, Any]


# What is measured.


def measure() -> bool:
    """Look how full it is, unless somebody just did; did a disk turn full?"""
    if not cache.add(TAKEN, 1, EVERY - 1):
        return False
    began = time.monotonic()
    try:
        turns = _write_down(list(_measured()))
    except OperationalError as error:
        if not is_full(error):
            raise
        _hand_out([_no_byte()])  # it can't even be written down
        log.error("the disk of the database is full: %s", " ".join(str(error).split())[:300])
        text = f"Nothing can be stored any more: {str(error).strip()[:300]} {OPERATORS[Of.DISK]}"
        on_call.tell("disk-full", "the disk of the database is full", text)
        return True
    took = time.monotonic() - began
    cache.set(TAKEN, 1, pause_after(took))
    log.debug("measured how full it is", extra={"ms": round(took * 1000)})
    for turn in turns:
        _tell(turn)
    return any(turn.pressure.of != Of.QUEUE and turn.now == Level.FULL for turn in turns)


def pause_after(took: float) -> float:
    """Until it may be measured again, in seconds: counting a million may take one."""
    return min(max(EVERY - 1, REST * took), LONGEST_REST)


def _measured() -> Iterator[Measured]:
    yield from _disk()
    yield from _database()
    if settings.OTMS_MOST_WAITING:
        yield from _queues(settings.OTMS_MOST_WAITING)


def _queues(most: int) -> Iterator[Measured]:
    """How many wait, of each platform: read from the index that holds nothing else."""
    everywhere = IntegrationObject.objects.across_platforms().order_by()
    waiting = everywhere.filter(due_at__isnull=False).values("integration")
    counts = dict(waiting.annotate(count=Count("id")).values_list("integration", "count"))
    of_platform: dict[Any, list[tuple[str, int]]] = defaultdict(list)
    names = {}
    known = Integration.objects.across_platforms().filter(pk__in=counts)
    for id, name, platform, called in known.values_list("pk", "name", "platform", "platform__name"):
        of_platform[platform].append((name, counts[id]))
        names[platform] = called
    for platform, held in of_platform.items():
        used = sum(count for _, count in held)
        longest = sorted(held, key=lambda each: (-each[1], each[0]))[:LONGEST]
        room = Room.below(most, used)
        yield Measured(Of.QUEUE, room, used, most, str(platform), names[platform], tuple(longest))


def _disk() -> Iterator[Measured]:
    """What is free where the file of the database is; of a server elsewhere it can't be seen."""
    if (free := disk_free()) is not None:
        low, full = settings.OTMS_DISK_LOW_BYTES, settings.OTMS_DISK_FULL_BYTES
        yield Measured(Of.DISK, Room(free, max(low, full), full), free, full)


def disk_free() -> int | None:
    """Bytes that are free for the file of the database, within it too; None for a server's."""
    if connection.vendor != "sqlite":
        return None
    folder = Path(connection.settings_dict["NAME"]).parent
    return shutil.disk_usage(folder).free + _pages("freelist_count")


def _database() -> Iterator[Measured]:
    if most := settings.OTMS_MOST_DATABASE_BYTES:
        used = database_size()
        yield Measured(Of.DATABASE, Room.below(most, used), used, most)


def database_size() -> int:
    """Bytes; of a file without what is free within it, which PostgreSQL does not tell."""
    if connection.vendor == "sqlite":
        return _pages("page_count") - _pages("freelist_count")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def _pages(of: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {of} * page_size FROM pragma_{of}(), pragma_page_size()")  # noqa: S608
        return int(cursor.fetchone()[0])


def _write_down(found: list[Measured]) -> list[Turn]:
    """What turned; the rows of what is or runs full are written, and handed out to the doors."""
    at = now()
    with transaction.atomic():
        turns = [turn for each in found if (turn := Pressure.objects.note(each, at))]
        turns += Pressure.objects.all().forget({each.place for each in found})
        rows = [each.facts for each in Pressure.objects.order_by("place")]
    _hand_out(rows)
    return turns


def _no_byte() -> Facts:
    since = timestamp(now())
    return {"place": Of.DISK, "of": Of.DISK, "platform_id": "", "name": "", "level": Level.FULL,
            "used": 0, "most": 0, "held_by": [], "since": since}  # fmt: skip


def _hand_out(rows: list[Facts]) -> None:
    cache.set(KEY, rows, FRESH)
    _Known.rows, _Known.until = rows, time.monotonic() + KNOWN


# What is known of it.


class _Known:
    """What this process has read in the cache, and until when that is new enough."""

    rows: list[Facts] = []
    until = 0.0
    measures = threading.Lock()


def known() -> list[Facts]:
    """What is or runs full; nothing where nobody knows."""
    if time.monotonic() >= _Known.until:
        rows = cache.get(KEY)
        _Known.rows, _Known.until = rows or [], time.monotonic() + KNOWN
        if rows is None and settings.OTMS_WAKE_UPS:
            _measure_here()
    return _Known.rows


def forget() -> None:
    """Know nothing, as a new process does."""
    cache.delete_many([KEY, TAKEN])
    _Known.rows, _Known.until = [], 0.0


def _measure_here() -> None:
    """Nobody else does: no beat, or no worker. Who called does not wait for it."""
    if _Known.measures.acquire(blocking=False):
        threading.Thread(target=_measure_alone, name="otms-pressure", daemon=True).start()


def _measure_alone() -> None:
    try:
        measure()
    except Error as error:  # such as a database that is away
        log.warning("it could not be measured how full it is: %s", " ".join(str(error).split()))
    finally:
        connections.close_all()
        _Known.measures.release()


def of_platform(platform_id: Any) -> list[Facts]:
    """What of it concerns this platform: its queue, and what is everybody's."""
    return [each for each in known() if each["platform_id"] in ("", str(platform_id))]


def stops(platform_id: Any, entity: str = "") -> Facts | None:
    """Why nothing more may be taken in for this platform now, if so.

    A full queue keeps no record out that no integration listens to: it makes no queue longer.
    """
    for each in of_platform(platform_id):
        if each["level"] == Level.FULL and not (
            entity
            and each["of"] == Of.QUEUE
            and not Integration.listening(platform_id, entity, "default")
        ):
            return each
    return None


def why_waiting(platform_id: Any, entity: str = "") -> str:
    """What long work of this platform waits for, if it has to wait."""
    full = stops(platform_id, entity)
    return f"Waits, and goes on by itself: {said(full, named=False)}" if full else ""


def disk_is_full() -> bool:
    """Is there so little room that history is forgotten without a rest?"""
    return any(each["of"] != Of.QUEUE and each["level"] == Level.FULL for each in known())


# The door.


class Door:
    """The keeper of what comes in: see otms/api/intake.py."""

    def refusal(self, user: Any, entity: str, shown: Any) -> Full | None:
        if (full := stops(user.platform.pk, entity)) is None:
            return None
        may = user.allows("get:integration") and good_for(shown, "get:integration")
        named = may and getattr(user, "integration", None) is None
        text = f"{said(full, named=named)} Nothing of this was stored: keep it, and send it later."
        return Full(text, f"{full['of']}_full", RETRY[Of(full["of"])])

    def said(self) -> str:
        levels = {(each["of"], each["level"]) for each in known()}
        return next((text for key, text in IN_SHORT.items() if key in levels), intake.OK)


# For anybody, the worst first: nothing of whose queue it is.
IN_SHORT = {
    (Of.DISK, Level.FULL): "Stopped: too little room on the disk of the database.",
    (Of.DATABASE, Level.FULL): "Stopped: the database is as large as it may be.",
    (Of.QUEUE, Level.FULL): "Stopped for some platforms: their queues are full.",
    (Of.DISK, Level.LOW): "Goes on: the disk of the database runs full.",
    (Of.DATABASE, Level.LOW): "Goes on: the database is nearly as large as it may be.",
    (Of.QUEUE, Level.LOW): "Goes on: queues of some platforms run full.",
}


def said(facts: Facts, *, named: bool = True) -> str:
    """What is full, or runs full, for those of a platform: a sentence or two."""
    full = facts["level"] == Level.FULL
    if facts["of"] == Of.DISK:
        return f"There is {'too little' if full else 'little'} room left on the disk of the server."
    if facts["of"] == Of.DATABASE:
        return f"The database is {'as' if full else 'nearly as'} large as it may be."
    is_so = "is full" if full else "runs full"
    text = f"The queue {is_so}: {facts['used']:,} objects wait, of {facts['most']:,} that may."
    if named and facts["held_by"]:
        held = ", ".join(f"{name} ({count:,})" for name, count in facts["held_by"])
        text += f" Most wait for: {held}."
    return text


def told(facts: Facts) -> dict[str, Any]:
    """The same for people in the admin, with what follows from it."""
    full, queue = facts["level"] == Level.FULL, facts["of"] == Of.QUEUE
    follows = "Soon nothing more is taken in."
    if full:
        follows = "New and changed records are refused until there is room; deliveries go on."
    what_next = (
        "Cancel what nobody needs any more." if queue else "Whoever runs the server was told."
    )
    label = ("stopped", "danger") if full else ("nearly full", "warning")
    return {"label": label, "text": f"{said(facts)} {follows} {what_next}"}


# Who runs the deployment is told, once for each turn.

OPERATORS = {
    Of.QUEUE: (
        "Deliveries go on. What waits for a target that is gone can be cancelled; "
        "OTMS_MOST_WAITING is the limit."
    ),
    Of.DISK: (
        "Make room on that disk: history is forgotten sooner with OTMS_KEEP_DAYS. Deliveries go on "
        "as long as they can be written down."
    ),
    Of.DATABASE: (
        "OTMS_MOST_DATABASE_BYTES is the limit. History is forgotten sooner with OTMS_KEEP_DAYS; "
        "PostgreSQL gives its room back after a VACUUM FULL."
    ),
}


def _tell(turn: Turn) -> None:
    """In the log, and by mail; each turn by itself, so none is kept back by another."""
    row, of = turn.pressure, Of(turn.pressure.of)
    whose = f" of {row.name}" if row.name else ""
    what = {Of.QUEUE: f"the queue{whose}", Of.DISK: "the disk", Of.DATABASE: "the database"}[of]
    subject = {
        Level.FULL: f"{what} is full: nothing more is taken in",
        Level.LOW: f"{what} runs full",
        Level.FREE: f"{what} has room again",
    }[turn.now]
    if turn.before == Level.FULL:
        subject = f"{what} has room again: intake goes on"
    facts = {**row.facts, "level": turn.now if turn.now != Level.FREE else turn.before}
    worse = turn.now == Level.FULL or turn.before == Level.FREE
    parts = [_in_numbers(facts), OPERATORS[of]] if worse else [f"It was so since {_at(row.since)}."]
    level = {Level.FULL: logging.ERROR, Level.LOW: logging.WARNING, Level.FREE: logging.INFO}
    extra = {"place": row.place, "used": row.used, "most": row.most}
    log.log(level[turn.now] if worse else logging.INFO, subject, extra=extra)
    which = (row.place.replace(" ", "-"), turn.before, turn.now, f"{now().timestamp():.0f}")
    kind = "-".join(("pressure", *which))
    on_call.tell(kind, subject, " ".join(parts))


def _in_numbers(facts: Facts) -> str:
    if facts["of"] == Of.DISK:
        return f"{_mb(facts['used'])} are free; below {_mb(facts['most'])} nothing is taken in."
    if facts["of"] == Of.DATABASE:
        return f"It has {_mb(facts['used'])} of {_mb(facts['most'])}."
    return said(facts)


def _mb(count: int) -> str:
    return f"{count / 1_000_000:,.0f} MB"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
