"""What became of one object and what happens next: as its page and the API tell it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext, pgettext_lazy

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

# What a change did to its record.
DONE = {
    "created": pgettext_lazy("it was", "created"),
    "updated": pgettext_lazy("it was", "updated"),
    "deleted": pgettext_lazy("it was", "deleted"),
}
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
            if whose:
                return _("by an import of {name}").format(name=whose)
            return _("by an import")
        case origin.API:
            return _("through the API")
        case origin.PERSON:
            return _("by a person in the admin")
        case origin.REPLAY:
            return _("at the latest: this is the record as a replay found it")
    return _("by a command")


def may_requeue(obj: IntegrationObject) -> bool:
    return obj.status in REQUEUED and not obj.leased


def may_cancel(obj: IntegrationObject) -> bool:
    blocks = obj.status == Status.ERROR and obj.holds_lane
    return (obj.status in OPEN or blocks) and not obj.leased


def why_not_requeued(obj: IntegrationObject) -> str:
    """Why `requeue()` left it as it is."""
    return _left(obj, pgettext("it can be", "put back in the queue"), REQUEUED)


def why_not_cancelled(obj: IntegrationObject) -> str:
    """Why `cancel()` left it as it is."""
    return _left(obj, pgettext("it can be", "cancelled"), OPEN)


def why_not_stopped(task: Task) -> str:
    """Why `stop()` left it as it is."""
    return _stays(task, pgettext("it can be", "stopped"), OPEN_TASK)


def why_not_resumed(task: Task) -> str:
    """Why `resume()` left it as it is."""
    if task.integration is not None and task.integration.deleted_at is not None:
        return _("This task can't be resumed: its integration was deleted.")
    return _stays(task, pgettext("it can be", "resumed"), RESUMABLE)


def _stays(task: Task, done: str, allowed: tuple[TaskStatus, ...]) -> str:
    if task.kind not in STOPPABLE:
        return _("This task can't be {done}: only an import or a replay can.").format(done=done)
    if task.status in allowed:
        return _("This task changed at this moment; try again.")
    return _("This task can't be {done}: it is {status}. It can be while it is {these}.").format(
        done=done, status=task.status, these=_one_of(allowed)
    )


def _left(obj: IntegrationObject, done: str, allowed: tuple[Status, ...]) -> str:
    if obj.leased:
        text = _("This object is being sent right now; it can be {done} when that is over.")
        return text.format(done=done)
    if obj.status in allowed:
        return _("This object changed at this moment; try again.")
    if obj.status == Status.QUEUE:
        text = _(
            "This object can't be {done}: it is {status}, and waits already. It can be while it is "
            "{these}."
        )
    else:
        text = _("This object can't be {done}: it is {status}. It can be while it is {these}.")
    return text.format(done=done, status=obj.status, these=_one_of(allowed))


def _one_of(statuses: Sequence[str]) -> str:
    *others, last = statuses
    if not others:
        return str(last)
    return _("{these} or {last}").format(these=", ".join(others), last=last)


def in_short(obj: IntegrationObject) -> str:
    """How far an object is, for a line of a list; its own page knows better."""
    if obj.leased:
        return _("Attempt {number} is being made.").format(number=obj.attempts)
    if obj.status == Status.SUCCESS:
        text = _("Delivered at {at}, attempt {number}.")
        return text.format(at=at(obj.finished_at), number=obj.attempts)
    if obj.due_at is None:
        tries = ngettext("{n} attempt.", "{n} attempts.", obj.attempts)
        return tries.format(n=obj.attempts) if obj.attempts > 1 else ""
    if obj.integration.gate.pause_reason:
        if obj.integration.enabled:
            return _("It waits: the integration is suspended.")
        return _("It waits: the integration is paused.")
    if (troubled := _in_trouble(obj)) and troubled.held:
        return _("It waits: {name} is in trouble.").format(name=troubled.name)
    if obj.due_at > now():
        text = _("Attempt {number} at {at}.")
        return text.format(number=obj.attempts + 1, at=at(obj.due_at))
    return _("Attempt {number} now.").format(number=obj.attempts + 1)


def in_words(obj: IntegrationObject, around: Surroundings | None = None) -> list[str]:
    """What happened and what will happen, in sentences; `around` is known of more than this one."""
    around = around or surroundings.of([obj])
    return [sentence for sentence in _sentences(obj, around) if sentence]


def _sentences(obj: IntegrationObject, around: Surroundings) -> list[str]:
    match Status(obj.status):
        case Status.SUCCESS:
            return [_delivered(obj)]
        case Status.ERROR:
            blocked = _blocked(obj, around)
            return [_given_up(obj), obj.error, blocked, *_since(obj, around)]
        case Status.SKIPPED if obj.error:
            return [_given_up(obj), obj.reason, *_since(obj, around)]
        case Status.SKIPPED:
            return [_("Nothing was sent, and this is why:"), obj.reason or obj.error]
        case Status.CANCELLED:
            text = _("Cancelled at {at}; nothing more is sent.")
            return [text.format(at=at(obj.finished_at)), obj.reason]
    expected = _expected(obj, around)
    if any(obj.error in sentence for sentence in expected):
        return expected
    return [*expected, _("The last error: {error}").format(error=obj.error)]


def _delivered(obj: IntegrationObject) -> str:
    text = ngettext(
        "Delivered at {at}, after {n} attempt.",
        "Delivered at {at}, after {n} attempts.",
        obj.attempts,
    )
    return text.format(at=at(obj.finished_at), n=obj.attempts)


def _given_up(obj: IntegrationObject) -> str:
    text = ngettext(
        "Given up at {at}, after {n} attempt.",
        "Given up at {at}, after {n} attempts.",
        obj.attempts,
    )
    return text.format(at=at(obj.finished_at), n=obj.attempts)


def _expected(obj: IntegrationObject, around: Surroundings) -> list[str]:
    """What an open object waits for."""
    if obj.leased:
        text = _("Being delivered right now (attempt {number}, since {at}).")
        return [text.format(number=obj.attempts, at=at(obj.claimed_at))]
    so_far = ngettext("{n} attempt so far.", "{n} attempts so far.", obj.attempts)
    said = [so_far.format(n=obj.attempts)] if obj.attempts else []
    return [*said, next(filter(None, (waits(obj, around) for waits in WAITS)))]


def _for_a_person(obj: IntegrationObject, around: Surroundings) -> str:
    if not (reason := obj.integration.gate.pause_reason):
        return ""
    if not obj.integration.enabled:
        text = _("It waits because the integration is paused: {reason}")
    else:
        text = _(
            "It waits because the integration is suspended: {reason} Nothing is sent until a "
            "person resumes or saves it."
        )
    return text.format(reason=reason)


def _for_those_before(obj: IntegrationObject, around: Surroundings) -> str:
    if not (ahead := around.ahead.get(obj.pk)):
        if obj.pk in around.beside:  # it was put back, after a later one had begun
            return _("It waits while a later change of the same record is being sent.")
        return ""
    text = _(
        "It waits for an earlier change of the same record (sequence {number}, {status}): changes "
        "leave in their order."
    ).format(number=ahead.pk, status=ahead.status)
    if ahead.status == Status.ERROR:
        why = _(
            "That one failed and holds the others up until it is put back or cancelled: {error}"
        ).format(error=ahead.error)
        return f"{text} {why}"
    return " ".join([text, _("Of that one:"), *in_words(ahead, around.theirs)])


def _for_its_target(obj: IntegrationObject, around: Surroundings) -> str:
    troubled = _in_trouble(obj)
    if not troubled or not troubled.held:
        return ""
    return _("It waits because {what}").format(what=failing(troubled))


def failing(troubled: Trouble) -> str:
    """What is wrong with a target, and what is done about it."""
    until = moment(troubled.until)
    if not troubled.held:
        how = _("It answers, so what comes next is sent all the same.")
    elif troubled.works:
        how = _("It works again, so what waits is sent a little at a time.")
    elif until > now():
        how = _("One call at a time is tried, the next at {at}.").format(at=at(until))
    else:
        how = _("One call at a time is tried, the next one now.")
    what = ngettext(
        "{name} failed {n} time since {since}: {reason}",
        "{name} failed {n} times since {since}: {reason}",
        troubled.failures,
    ).format(
        name=troubled.name,
        n=troubled.failures,
        since=at(moment(troubled.since)),
        reason=troubled.reason,
    )
    return f"{what} {how}"


def _for_a_rate(obj: IntegrationObject, around: Surroundings) -> str:
    full_until, rate = obj.integration.gate.full_until, obj.integration.policy.rate
    if not rate or full_until <= now():
        return ""
    text = _("It waits for its target's rate ({rate}): more may go at {at}.")
    return text.format(rate=obj.integration.delivery["rate"], at=at(full_until))


def _for_its_time(obj: IntegrationObject, around: Surroundings) -> str:
    if not obj.due_at or obj.due_at <= now():
        return ""
    is_new = obj.status == Status.QUEUE and not obj.attempts
    if is_new and obj.integration.schedule:
        text = _("It waits for the schedule of the integration: the next time is {at}.")
    elif is_new and obj.integration.policy.coalesce:
        text = _("It waits until {at} for newer changes of the record to replace it.")
    else:
        text = _("The next attempt is at {at}.")
    return text.format(at=at(obj.due_at))


def _for_a_turn(obj: IntegrationObject, around: Surroundings) -> str:
    cap = obj.integration.gate.cap
    if around.sent.get(obj.integration_id, 0) < cap:
        return ""
    text = _("It is due, and waits while {n} others of the integration, its most, are sent.")
    return text.format(n=cap)


def _for_a_worker(obj: IntegrationObject, around: Surroundings) -> str:
    if obj.due_at and now() - obj.due_at > LATE:
        text = _("It is due since {at} and no worker took it: is one running, and does it keep up?")
        return text.format(at=at(obj.due_at))
    return _("It is due now; a worker takes it within seconds.")


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
    if not (found := around.behind.get(obj.pk, 0)):
        return ""
    if found > MOST_BEHIND:
        text = _(
            "Until it is put back or cancelled, more than {n} later changes of the same record "
            "wait behind it."
        )
    else:
        text = ngettext(
            "Until it is put back or cancelled, {n} later change of the same record waits behind "
            "it.",
            "Until it is put back or cancelled, {n} later changes of the same record wait behind "
            "it.",
            found,
        )
    return text.format(n=min(found, MOST_BEHIND))


def _since(obj: IntegrationObject, around: Surroundings) -> list[str]:
    """What happened after it was given up, that matters to who would put it back."""
    return [_replayed(obj, around), _overtaken(obj, around)]


def _replayed(obj: IntegrationObject, around: Surroundings) -> str:
    if not (anew := around.anew.get(obj.pk)):
        return ""
    if anew.status == Status.SUCCESS:
        text = _(
            "It was replayed, and that was delivered at {at}: put back, it would be sent once more."
        )
        return text.format(at=at(anew.finished_at))
    text = _("It was replayed (sequence {number}), and that is {status}.")
    return text.format(number=anew.pk, status=anew.status)


def _overtaken(obj: IntegrationObject, around: Surroundings) -> str:
    """That its receiver has something newer, which putting it back would undo there."""
    if not (last := around.newer.get(obj.pk)):
        days = settings.OTMS_KEEP_DAYS
        if days and obj.created_at < now() - timedelta(days=days):
            return _("Whether a newer change of the record was delivered since is no longer known.")
        return ""
    text = _(
        "A newer change of the record was delivered at {at}: put back, this one sends the older "
        "state last."
    )
    return text.format(at=at(last.finished_at))


def at(when: datetime | None) -> str:
    return f"{localtime(when):%Y-%m-%d %H:%M:%S %Z}" if when else _("an unknown time")
