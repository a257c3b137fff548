"""What became of one object and what happens next: as its page and the API tell it."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.timezone import localtime, now

from integrations import surroundings
from integrations.core import origin
from integrations.core.trouble import Trouble
from integrations.models import (
    EntityChange,
    IntegrationObject,
    Log,
    RemoteRecord,
    RequestLog,
    Status,
    Task,
)
from integrations.models.gate import moment
from integrations.models.status import OPEN, REQUEUED
from integrations.models.task import OPEN as OPEN_TASK
from integrations.models.task import RESUMABLE, STOPPABLE, TaskStatus
from integrations.surroundings import MOST_BEHIND, Surroundings

LATE = timedelta(minutes=1)  # after which a worker should have come
NEWEST = 50  # rows of each kind that a story shows; the lists have the others


def attempts(obj: IntegrationObject) -> list[RequestLog]:
    """What was sent and what came back, the newest first."""
    return list(obj.requestlog_entries.select_related("object").order_by("-id")[:NEWEST])


def lines(obj: IntegrationObject) -> list[Log]:
    """What was written about it, the newest last."""
    newest = obj.log_entries.select_related("object").order_by("-id")[:NEWEST]
    return list(reversed(newest))


def trace(obj: IntegrationObject) -> Any:
    """What each filter saw, if it was a filter that kept the object from being sent."""
    if obj.status != Status.SKIPPED:
        return None
    decided = obj.log_entries.filter(code="filter_no_match", message=obj.reason)
    last = decided.order_by("-id").first()
    return last.data.get("trace") if last and isinstance(last.data, dict) else None


def remote(obj: IntegrationObject) -> dict[str, str]:
    """What its targets call the record now, by the names of the data sources."""
    known = RemoteRecord.objects.of(obj.platform_id).of_objects([obj])
    return {each.data_source.name: each.remote_id for each in known.select_related("data_source")}


def cause(change: EntityChange) -> str:
    """What brought the change about, as it goes on after "changed at ..."."""
    match change.origin:
        case origin.IMPORT:
            whose = change.origin_integration
            return f"by an import of {whose}" if whose else "by an import"
        case origin.API:
            return "through the API"
        case origin.PERSON:
            return "by a person in the admin"
        case origin.REPLAY:
            return "at the latest: this is the record as a replay found it"
    return "by a command"


def may_requeue(obj: IntegrationObject) -> bool:
    return obj.status in REQUEUED and not obj.leased


def may_cancel(obj: IntegrationObject) -> bool:
    blocks = obj.status == Status.ERROR and obj.holds_lane
    return (obj.status in OPEN or blocks) and not obj.leased


def why_not_requeued(obj: IntegrationObject) -> str:
    """Why `requeue()` left it as it is."""
    return _left(obj, "put back in the queue", REQUEUED)


def why_not_cancelled(obj: IntegrationObject) -> str:
    """Why `cancel()` left it as it is."""
    return _left(obj, "cancelled", OPEN)


def why_not_stopped(task: Task) -> str:
    """Why `stop()` left it as it is."""
    return _stays(task, "stopped", OPEN_TASK)


def why_not_resumed(task: Task) -> str:
    """Why `resume()` left it as it is."""
    if task.integration is not None and task.integration.deleted_at is not None:
        return "This task can't be resumed: its integration was deleted."
    return _stays(task, "resumed", RESUMABLE)


def _stays(task: Task, done: str, allowed: tuple[TaskStatus, ...]) -> str:
    if task.kind not in STOPPABLE:
        return f"This task can't be {done}: only an import or a replay can."
    if task.status in allowed:
        return "This task changed at this moment; try again."
    these = " or ".join(allowed)
    return f"This task can't be {done}: it is {task.status}. It can be while it is {these}."


def _left(obj: IntegrationObject, done: str, allowed: tuple[Status, ...]) -> str:
    if obj.leased:
        return f"This object is being sent right now; it can be {done} when that is over."
    if obj.status in allowed:
        return "This object changed at this moment; try again."
    so = ", and waits already" if obj.status == Status.QUEUE else ""
    these = ", ".join(allowed[:-1])
    return (
        f"This object can't be {done}: it is {obj.status}{so}. It can be while it is "
        f"{these} or {allowed[-1]}."
    )


def in_short(obj: IntegrationObject) -> str:
    """How far an object is, for a line of a list; its own page knows better."""
    if obj.leased:
        return f"Attempt {obj.attempts} is being made."
    if obj.status == Status.SUCCESS:
        return f"Delivered at {at(obj.finished_at)}, attempt {obj.attempts}."
    if obj.due_at is None:
        return f"{obj.attempts} attempts." if obj.attempts > 1 else ""
    if obj.integration.gate.pause_reason:
        how = "suspended" if obj.integration.enabled else "paused"
        return f"It waits: the integration is {how}."
    if (troubled := _in_trouble(obj)) and troubled.held:
        return f"It waits: {troubled.name} is in trouble."
    when = f"at {at(obj.due_at)}" if obj.due_at > now() else "now"
    return f"Attempt {obj.attempts + 1} {when}."


def in_words(obj: IntegrationObject, around: Surroundings | None = None) -> list[str]:
    """What happened and what will happen, in sentences; `around` is known of more than this one."""
    around = around or surroundings.of([obj])
    return [sentence for sentence in _sentences(obj, around) if sentence]


def _sentences(obj: IntegrationObject, around: Surroundings) -> list[str]:
    tries = f"{obj.attempts} attempt{'' if obj.attempts == 1 else 's'}"
    match Status(obj.status):
        case Status.SUCCESS:
            return [f"Delivered at {at(obj.finished_at)}, after {tries}."]
        case Status.ERROR:
            return [
                f"Given up at {at(obj.finished_at)}, after {tries}.",
                obj.error,
                _blocked(obj, around),
                _overtaken(obj, around),
            ]
        case Status.SKIPPED if obj.error:
            given_up = f"Given up at {at(obj.finished_at)}, after {tries}."
            return [given_up, obj.reason, _overtaken(obj, around)]
        case Status.SKIPPED:
            return ["Nothing was sent, and this is why:", obj.reason or obj.error]
        case Status.CANCELLED:
            return [f"Cancelled at {at(obj.finished_at)}; nothing more is sent.", obj.reason]
    expected = _expected(obj, tries, around)
    is_told = any(obj.error in sentence for sentence in expected)
    return [*expected, "" if is_told else f"The last error: {obj.error}"]


def _expected(obj: IntegrationObject, tries: str, around: Surroundings) -> list[str]:
    """What an open object waits for."""
    if obj.leased:
        return [f"Being delivered right now (attempt {obj.attempts}, since {at(obj.claimed_at)})."]
    said = [f"{tries[0].upper()}{tries[1:]} so far."] if obj.attempts else []
    return [*said, next(filter(None, (waits(obj, around) for waits in WAITS)))]


def _for_a_person(obj: IntegrationObject, _: Surroundings) -> str:
    if not (reason := obj.integration.gate.pause_reason):
        return ""
    if not obj.integration.enabled:
        return f"It waits because the integration is paused: {reason}"
    return (
        f"It waits because the integration is suspended: {reason} Nothing is sent until a person "
        "resumes or saves it."
    )


def _for_those_before(obj: IntegrationObject, around: Surroundings) -> str:
    if not (ahead := around.ahead.get(obj.pk)):
        # It was put back, after a later one had begun.
        is_beside = obj.pk in around.beside
        return (
            "It waits while a later change of the same record is being sent." if is_beside else ""
        )
    text = (
        f"It waits for an earlier change of the same record (sequence {ahead.pk}, "
        f"{ahead.status}): changes leave in their order."
    )
    if ahead.status == Status.ERROR:
        until = "until it is put back or cancelled"
        return f"{text} That one failed and holds the others up {until}: {ahead.error}"
    return " ".join([text, "Of that one:", *in_words(ahead, around.theirs)])


def _for_its_target(obj: IntegrationObject, _: Surroundings) -> str:
    troubled = _in_trouble(obj)
    return f"It waits because {failing(troubled)}" if troubled and troubled.held else ""


def failing(troubled: Trouble) -> str:
    """What is wrong with a target, and what is done about it."""
    until = moment(troubled.until)
    if not troubled.held:
        how = "It answers, so what comes next is sent all the same."
    elif troubled.works:
        how = "It works again, so what waits is sent a little at a time."
    elif until > now():
        how = f"One call at a time is tried, the next at {at(until)}."
    else:
        how = "One call at a time is tried, the next one now."
    since = at(moment(troubled.since))
    return (
        f"{troubled.name} failed {troubled.failures} times since {since}: {troubled.reason} {how}"
    )


def _for_a_rate(obj: IntegrationObject, _: Surroundings) -> str:
    full_until, rate = obj.integration.gate.full_until, obj.integration.policy.rate
    if not rate or full_until <= now():
        return ""
    says = obj.integration.delivery["rate"]
    return f"It waits for its target's rate ({says}): more may go at {at(full_until)}."


def _for_its_time(obj: IntegrationObject, _: Surroundings) -> str:
    if not obj.due_at or obj.due_at <= now():
        return ""
    if obj.status == Status.QUEUE and not obj.attempts:
        if obj.integration.schedule:
            return (
                f"It waits for the schedule of the integration: the next time is {at(obj.due_at)}."
            )
        if obj.integration.policy.coalesce:
            return f"It waits until {at(obj.due_at)} for newer changes of the record to replace it."
    return f"The next attempt is at {at(obj.due_at)}."


def _for_a_turn(obj: IntegrationObject, around: Surroundings) -> str:
    cap = obj.integration.gate.cap
    if around.sent.get(obj.integration_id, 0) >= cap:
        return f"It is due, and waits while {cap} others of the integration, its most, are sent."
    return ""


def _for_a_worker(obj: IntegrationObject, _: Surroundings) -> str:
    if obj.due_at and now() - obj.due_at > LATE:
        return (
            f"It is due since {at(obj.due_at)} and no worker took it: is one running, and does it "
            "keep up?"
        )
    return "It is due now; a worker takes it within seconds."


# What an object may wait for, in the order in which it would matter.
WAITS = (
    _for_a_person,
    _for_those_before,
    _for_its_target,
    _for_a_rate,
    _for_its_time,
    _for_a_turn,
    _for_a_worker,
)


def _in_trouble(obj: IntegrationObject) -> Trouble | None:
    """The trouble of the target where it stands, if that is known to have any."""
    gate = obj.integration.gate
    if whole := gate.blocked_by:
        return whole
    first = next((each for each in gate.held_back.values() if each.first), None)
    return gate.held_back.get(str(obj.at_source)) if obj.at_source else first


def _blocked(obj: IntegrationObject, around: Surroundings) -> str:
    """Who waits behind one that holds its lane."""
    found = around.behind.get(obj.pk, 0)
    many = f"more than {MOST_BEHIND}" if found > MOST_BEHIND else str(found)
    noun = "change of the same record waits" if found == 1 else "changes of the same record wait"
    return f"Until it is put back or cancelled, {many} later {noun} behind it." if found else ""


def _overtaken(obj: IntegrationObject, around: Surroundings) -> str:
    """That its receiver has something newer, which putting it back would undo there."""
    if not (last := around.newer.get(obj.pk)):
        days = settings.OTMS_KEEP_DAYS
        if days and obj.created_at < now() - timedelta(days=days):
            return "Whether a newer change of the record was delivered since is no longer known."
        return ""
    return (
        f"A newer change of the record was delivered at {at(last.finished_at)}: put back, this "
        "one sends the older state last."
    )


def at(when: datetime | None) -> str:
    return f"{localtime(when):%Y-%m-%d %H:%M:%S %Z}" if when else "an unknown time"
