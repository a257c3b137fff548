"""What else is in the queue that the story of an object speaks of: asked for many at once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Max, Min, Q

from integrations.models import IntegrationObject, Status
from integrations.models.status import OPEN

MOST_BEHIND = 1000


@dataclass
class Surroundings:
    """By the number of an object: who is before it and behind it, and what was sent since.

    `ahead`: the first of its lane, if that is an earlier one, and `theirs` are the surroundings of
    those. `beside`: a later one of its lane is being sent. `sent`: how many of its integration are
    being sent. `behind`: how many wait behind an error. `newer`: the newest that was delivered of a
    later change. `anew`: the newest replay of what was given up.
    """

    ahead: dict[int, IntegrationObject] = field(default_factory=dict)
    beside: set[int] = field(default_factory=set)
    sent: dict[Any, int] = field(default_factory=dict)
    behind: dict[int, int] = field(default_factory=dict)
    newer: dict[int, IntegrationObject] = field(default_factory=dict)
    anew: dict[int, IntegrationObject] = field(default_factory=dict)
    theirs: "Surroundings | None" = None


def of(objects: Iterable[IntegrationObject]) -> Surroundings:
    """The surroundings of these: a few queries, none for what no story asks about."""
    found = list(objects)
    waiting = [each for each in found if each.status in OPEN and not each.leased]
    errors = [each for each in found if each.status in (Status.ERROR, Status.SKIPPED)]
    made = Surroundings()
    _look_ahead(made, [each for each in waiting if each.lane])
    _count_sent(made, waiting)
    _look_behind(made, [each for each in errors if each.holds_lane])
    given_up = [each for each in errors if each.error]
    _look_for_newer(made, given_up)
    _look_for_replays(made, given_up)
    if made.ahead:
        made.theirs = of(made.ahead.values())
    return made


def _look_ahead(made: Surroundings, waiting: list[IntegrationObject]) -> None:
    if not waiting:
        return
    of_lane = _queue(waiting).filter(
        integration__in={each.integration_id for each in waiting},
        lane__in={each.lane for each in waiting},
        holds_lane=True,
    )
    asked = of_lane.values("integration", "lane").annotate(
        first=Min("pk"), leased=Count("pk", filter=Q(leased=True))
    )
    lanes = {(row["integration"], row["lane"]): row for row in asked}
    firsts: dict[int, int] = {}
    for each in waiting:
        lane = lanes.get((each.integration_id, each.lane))
        if lane and lane["first"] < each.pk:
            firsts[each.pk] = lane["first"]
        elif lane and lane["leased"]:
            made.beside.add(each.pk)
    whole = _queue(waiting).select_related("change", "since").in_bulk(set(firsts.values()))
    for each in waiting:
        if (first := firsts.get(each.pk)) in whole:  # it may just have gone
            made.ahead[each.pk] = whole[first]
            made.ahead[each.pk].integration = each.integration


def _count_sent(made: Surroundings, waiting: list[IntegrationObject]) -> None:
    if waiting:
        sent = _queue(waiting).filter(
            integration__in={each.integration_id for each in waiting}, leased=True
        )
        counted = sent.values("integration").annotate(count=Count("pk"))
        made.sent = dict(counted.values_list("integration", "count"))


def _look_behind(made: Surroundings, blocking: list[IntegrationObject]) -> None:
    if blocking:
        behind = {
            each.pk: Q(integration=each.integration_id, lane=each.lane, pk__gt=each.pk)
            for each in blocking
        }
        counted = _of_each(_queue(blocking).filter(holds_lane=True), Count, behind)
        made.behind = {pk: count for pk, count in counted.items() if count}


def _look_for_newer(made: Surroundings, errors: list[IntegrationObject]) -> None:
    if errors:
        later = {
            each.pk: Q(
                integration=each.integration_id,
                entity_id=each.entity_id,
                change__gt=each.change_id,  # and no replay of this one, or of an older
            )
            for each in errors
        }
        records = {each.entity_id for each in errors}
        delivered = _queue(errors).filter(entity_id__in=records, status=Status.SUCCESS)
        newest = _of_each(delivered, Max, later)
        whole = _queue(errors).in_bulk({pk for pk in newest.values() if pk})
        made.newer = {pk: whole[last] for pk, last in newest.items() if last in whole}


def _look_for_replays(made: Surroundings, errors: list[IntegrationObject]) -> None:
    if errors:
        replays = _queue(errors).filter(replay_of__in=[each.pk for each in errors])
        newest = replays.values("replay_of").annotate(newest=Max("pk")).values("newest")
        whole = _queue(errors).filter(pk__in=newest)
        made.anew = {each.replay_of_id: each for each in whole}


def _of_each(rows: Any, what: Any, wanted: dict[int, Q]) -> dict[int, Any]:
    """This of the numbers of those rows that each wants: one query for all of them."""
    asked = {f"of_{pk}": what("pk", filter=q) for pk, q in wanted.items()}
    found = rows.filter(reduce(or_, wanted.values())).aggregate(**asked)
    return {pk: found[f"of_{pk}"] for pk in wanted}


def _queue(objects: list[IntegrationObject]) -> Any:
    """The queue of their platform, in no order."""
    return IntegrationObject.objects.of(objects[0].platform_id).order_by()
