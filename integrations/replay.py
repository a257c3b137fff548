"""Objects are made anew, as many as were chosen: first it is seen what that would do, then a task.

A worker makes a few hundred at a time. How far it is, is written in the transaction of what was
made, so whoever goes on after a stop or a crash makes none twice. A preview changes nothing: it
maps some of them as they would be, beside what was sent of them.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Max

from integrations import http, pipeline, pressure
from integrations.answer import Call
from integrations.core import origin
from integrations.core.differences import Difference, between, read
from integrations.core.redaction import Personal
from integrations.models import (
    IntegrationObject,
    Level,
    Log,
    Outcome,
    Replay,
    RequestLog,
    Status,
    Task,
    Use,
)
from integrations.models.change import up_to_now
from integrations.models.task import Kind, TaskStatus
from integrations.plan import Plan, Plans
from otms.accounts import actor, audit
from otms.db.clock import database_now
from otms.db.deadlock import again_after_deadlock

log = logging.getLogger(__name__)

ACTION = "replay:integration:objects"
PORTION = 200  # objects that one transaction makes
PORTIONS = 50  # before another replay has its turn
REST = 8.0  # seconds after a look at a replay that has to wait; beat looks every ten
TRIES = 3
FASTEST = 60_000  # a minute

EXAMINED = 100  # objects that a preview maps, the newest
PREVIEW_SECONDS = 5.0
TOLD = 20  # differences and reasons


@dataclass(frozen=True)
class Compared:
    """What was sent of an object to one data source, beside what would be; unless both are alike.

    `sent` is the newest call that was made; None if there was none.
    """

    object: IntegrationObject
    data_source_id: UUID
    sent: RequestLog | None
    differences: list[Difference]


@dataclass
class Preview:
    """How many were chosen, and what would become of those that were examined."""

    count: int
    replayed: int  # of which a replay was delivered, or waits
    older: int  # of whose record something newer was delivered
    blocked: int  # that would wait behind an error
    replays: int  # left out, because they are replays themselves
    repaired: int  # left out, because a replay of them was delivered or waits
    delivered: int  # which arrived: they would be sent once more
    gone: int  # whose record is deleted, where the record as it is now would be told
    examined: int = 0
    differ: int = 0
    skipped: int = 0  # by filters, and whatever else says that nothing is to be sent
    failed: int = 0  # that could not be mapped
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    compared: list[Compared] = field(default_factory=list)

    @property
    def reasons_told(self) -> list[tuple[str, str, int]]:
        """Why some would not be sent: the code, in words, and how many; the most frequent first."""
        return [(*each, count) for each, count in self.reasons.most_common(TOLD)]


def preview(replay: Replay) -> Preview:
    """What this replay would do, as it was chosen; nothing is stored."""
    replay.bound()
    chosen = replay.objects_chosen
    now_told = replay.tells_now
    seen = Preview(
        count=chosen.count(),
        replayed=chosen.replayed(),
        older=0 if now_told else chosen.overtaken(),
        blocked=replay.blocked,
        replays=replay.replays_left_out,
        repaired=replay.repaired_left_out,
        delivered=chosen.filter(status=Status.SUCCESS).count(),
        gone=chosen.without_record() if now_told else 0,
    )
    end, plans = time.monotonic() + PREVIEW_SECONDS, Plans()
    newest = chosen.order_by("-id").select_related("change", "since", "integration")
    found = list(newest[:EXAMINED])
    pairs = _as_replayed(replay, found)
    plans.refresh(new for _, new in pairs)
    plans.recall(new for _, new in pairs)
    sent = _sent(replay, found)
    for old, new in pairs:
        if time.monotonic() > end:
            break
        _examine(seen, old, new, plans[new], sent)
    return seen


def start(replay: Replay, started_by: str) -> Task:
    """Keep what was chosen, for a worker that makes it anew."""
    replay.bound()
    replay.asked_by(actor.current().actor)
    with transaction.atomic():
        replay.task = Task.objects.create(
            platform_id=replay.platform_id,
            integration=replay.integration,
            kind=Kind.REPLAY,
            total=replay.objects_chosen.count(),
            started_by=started_by[:200],
            hops=origin.current().hops,
        )
        replay.save()
        note = f"Asked for, as task {replay.task_id}: {_objects(replay.task.total)}."
        audit.record(ACTION, replay.integration, note=note)
    return replay.task


# In a worker.

_stopping = threading.Event()
_busy = threading.Lock()


def work_off(made: Callable[[], None] = lambda: None) -> None:
    """Carry out what was asked for; one thread of a process is enough. `made` hears of each."""
    if not _busy.acquire(blocking=False):
        return
    try:
        while not _stopping.is_set() and (task := Task.objects.all().claim(Kind.REPLAY)):
            _carry_on(task, made)
    finally:
        _busy.release()


def stop() -> None:
    """Finish the portion that was begun; another worker, or the next start, goes on behind it."""
    _stopping.set()


def _carry_on(task: Task, made: Callable[[], None]) -> None:
    """Some portions; when there are none left, the task is done."""
    most: int | None = None
    for _ in range(PORTIONS):
        try:
            portion = _again(task, most)
        except (OperationalError, InterfaceError):
            raise  # the database is away: the task waits
        except Exception as error:
            log.exception("a replay failed", extra={"task": str(task.pk)})
            kind = type(error).__name__
            text = (
                f"Stopped by a fault on our side, {kind}. What was made anew stays; resumed, it "
                "goes on where it was."
            )
            task.finish(task.done, task.failed, text, status=TaskStatus.FAILED)
            return
        if portion is None:
            return
        made()
        most = portion.left
        if most == 0:
            task.let_go(f"Goes on: {portion.pace} a minute.", seconds=REST)
            return
        if _stopping.is_set():
            break
    task.let_go()


@dataclass(frozen=True)
class Portion:
    """What was made of a replay that goes on: how many more may be at this look, None for all."""

    left: int | None
    pace: int | None


def _again(task: Task, most: int | None) -> Portion | None:
    """A portion, anew when what it replays was forgotten at this very moment."""
    for attempt in range(1, TRIES + 1):
        try:
            return again_after_deadlock(lambda: _portion(task, most))
        except IntegrityError:
            if attempt == TRIES:
                raise
    raise AssertionError("unreachable")


@transaction.atomic
def _portion(task: Task, most: int | None) -> Portion | None:
    """The next few, and how far that is; None when nothing more is to be done now."""
    mine = Replay.objects.of(task.platform_id).filter(task=task)
    replay = mine.select_for_update(no_key=True, of=("self",)).select_related("integration").get()
    integration = replay.integration
    if integration.deleted_at is not None:
        text = "Stopped: the integration was deleted."
        task.finish(*_counts(replay), text, status=TaskStatus.STOPPED)
        return None
    if not integration.enabled:
        task.let_go("Waits: the integration is switched off.")
        return None
    if why := pressure.why_waiting(task.platform_id):
        task.let_go(why, seconds=REST)
        return None
    now = database_now("default")
    room = replay.room(now)
    if room is not None and most is not None:
        room = min(room, most)
    size = PORTION if room is None else min(PORTION, room)
    behind = replay.objects_chosen.filter(pk__gt=replay.after).order_by("pk")
    ids = list(behind.values_list("pk", flat=True)[:size])
    if size and not ids:
        _finish(task, replay)
        return None
    if ids:
        made = _make(task, replay, ids)
        replay.after = ids[-1]
        replay.note(len(made), len(ids) - len(made), now)
        replay.save(update_fields=["after", "made", "gone", "lately", "updated_at"])
        room = room if room is None else room - len(made)
    # Somebody may have stopped it meanwhile: then it is as if this portion had not been.
    if not task.progress(*_counts(replay)):
        transaction.set_rollback(True)
        return None
    return Portion(room, replay.per_minute)


def _make(task: Task, replay: Replay, ids: list[int]) -> list[IntegrationObject]:
    chosen = IntegrationObject.objects.of(replay.platform_id).filter(pk__in=ids)
    with replay.on_behalf(), origin.caused_by(origin.replayed(task.hops)):
        return chosen.replay(
            task.started_by or "a person",
            as_it_is_now=replay.tells_now,
            as_it_began=replay.as_it_began,
        )


def _counts(replay: Replay) -> tuple[int, int]:
    return replay.made + replay.gone, replay.gone


def _finish(task: Task, replay: Replay) -> None:
    text = f"{_objects(replay.made)} made anew."
    if replay.gone:
        text += f" Left out, because the record is deleted: {replay.gone}."
    if blocked := replay.blocked:
        until = "until it is put back or cancelled"
        text += f" Waiting behind an error of their record, {until}: {blocked}."
    done, failed = _counts(replay)
    if done < task.total:
        text += f" No longer chosen when their turn came: {task.total - done}."
    if task.finish(done, failed, text, total=done):
        Log.objects.create(
            platform_id=task.platform_id,
            integration=replay.integration,
            level=Level.INFO,
            code="replay_done",
            message=text,
            data={"taskId": str(task.pk), "made": replay.made, "gone": replay.gone},
        )


def _objects(count: int) -> str:
    return f"{count} object{'' if count == 1 else 's'}"


# What it would do.


def _as_replayed(
    replay: Replay, found: list[IntegrationObject]
) -> list[tuple[IntegrationObject, IntegrationObject]]:
    """Each with what would be made of it; under its old id, which is none of the differences."""
    changes: list[Any] = [None] * len(found)
    if replay.tells_now:
        with origin.caused_by(origin.replayed(origin.current().hops)):
            changes = up_to_now((row.whole for row in found), "default")
    pairs = []
    for old, change in zip(found, changes, strict=True):
        if change or not replay.tells_now:
            new = old.replayed(change, as_it_began=replay.as_it_began)
            new.pk, new.uuid, new.attempts = old.pk, old.uuid, 1
            pairs.append((old, new))
    return pairs


def _sent(replay: Replay, found: list[IntegrationObject]) -> dict[tuple[int, Any], RequestLog]:
    """The newest call that was made of each object, by the data source."""
    calls = RequestLog.objects.of(replay.platform_id).filter(
        object__in=[row.pk for row in found], test=False, interrupted=False
    )
    newest = calls.order_by().values("object", "data_source").annotate(newest=Max("id"))
    rows = RequestLog.objects.of(replay.platform_id).filter(
        pk__in=[each["newest"] for each in newest]
    )
    return {(row.object_id or 0, row.data_source_id): row for row in rows}


def _examine(
    seen: Preview,
    old: IntegrationObject,
    new: IntegrationObject,
    plan: Plan,
    sent: dict[tuple[int, Any], RequestLog],
) -> None:
    seen.examined += 1
    made = pipeline.prepare(new, plan)
    if isinstance(made, Outcome):
        is_failed = "error" in made.changes
        seen.failed += is_failed
        seen.skipped += not is_failed
        seen.reasons[made.code, made.changes.get("error") or made.message] += 1
        return
    found = [
        Compared(old, call.step.source.pk, before, differences)
        for call in _calls(made, new, plan)
        for before in [_sent_to(call.step.source.pk, old.pk, sent)]
        if (differences := _compared(before, call))
    ]
    seen.differ += bool(found)
    seen.compared += found[: TOLD - len(seen.compared)]


def _sent_to(
    source_id: UUID, pk: int, sent: dict[tuple[int, Any], RequestLog]
) -> RequestLog | None:
    """What was sent to this data source, or to one that is gone."""
    return sent.get((pk, source_id)) or sent.get((pk, None))


def _calls(made: Call | Outcome, obj: IntegrationObject, plan: Plan) -> Iterator[Call]:
    """The calls that would be made, up to the first whose answer decides what comes behind it."""
    while isinstance(made, Call):
        yield made
        source = made.step.source
        if source.use == Use.ENRICH or made.place + 1 >= len(plan.steps):
            return
        obj.step += 1
        obj.done = (*(obj.done or ()), str(source.pk))
        obj.at_source = plan.steps[made.place + 1].source.pk
        made = pipeline.prepare(obj, plan)


def _compared(sent: RequestLog | None, call: Call) -> list[Difference]:
    """As both are kept: what the integration redacts, and secrets, are masked in both."""
    url = http.asking(call.request.where, call.logged_query)
    body, redaction = call.logged_body, call.plan.redaction
    was, asked = (sent.request_body, sent.url) if sent else ("", "")
    if redaction:
        # It may have been kept before anything was redacted.
        was, hidden = redaction.body(was.encode()) if was else ("", Personal())
        personal = call.personal | hidden
        was, asked, body, url = (personal.unsaid(each) for each in (was, asked, body, url))
    after = read(body)
    found = between(read(was), after)
    if sent is None:
        return found or [Difference("$", None, after)]
    heads = (("method", sent.method, call.request.method), ("url", asked, url))
    return [Difference(*each) for each in heads if each[1] != each[2]] + found
