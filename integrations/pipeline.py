"""Filter, map, build the call: what happens to one claimed object before anything is sent.

No transaction is open here. It runs off the event loop, because a customer's mapping may take its
time; what the answer means says answer.py.
"""

import time
from dataclasses import replace
from typing import Any

from integrations import answer, http
from integrations.answer import Call, Passed
from integrations.connectors.base import Delivery
from integrations.core import query
from integrations.core.errors import ExpressionError, MappingError
from integrations.core.mapping import Result
from integrations.core.redaction import NO_MAPPING, Personal, Redaction
from integrations.core.spellings import MASK
from integrations.core.trace import Trace
from integrations.models import IntegrationObject, Outcome
from integrations.plan import Plan, Step
from otms import documents
from otms.db.sealing import CannotOpen

MOST_INTERRUPTIONS = 5


def prepare(obj: IntegrationObject, plan: Plan) -> Call | Outcome:
    """The call to make for this object, or the outcome that needs none."""
    if not plan.redaction:
        made = _prepared(obj, plan)
        if isinstance(made, Call):
            request = made.request
            return replace(made, logged_body=http.as_text(request.body), logged_query=request.query)
        return made
    obj.told_as = MASK  # whatever happens till it is known
    made = _prepared(obj, plan)
    told = (made.data or {}) if isinstance(made, Outcome) else {"trace": made.passed.trace}
    filtered = bool(told.get("trace"))
    personal = personal_in(obj, plan, filtered=filtered)
    obj.told_as = MASK if personal.unknown else personal.unsaid(obj.reference)
    if not isinstance(made, Call):
        return answer.redacted(made, plan.redaction, personal)
    body, sent = plan.redaction.body(made.request.body)
    asked, shown = _asked(made, plan.redaction)
    return replace(
        made,
        logged_body=http.as_text(body.encode()),
        logged_query=asked,
        personal=personal | sent | shown,
    )


def _asked(call: Call, redaction: Redaction) -> tuple[str, Personal]:
    """The query without what stands at the paths, and what that is."""
    if not call.request.query:
        return "", Personal()
    kept, personal = redaction.body(documents.dumps(call.mapped))
    try:
        return query.written(documents.loads(kept)), personal
    except (ValueError, ExpressionError):  # not even that can be told
        return MASK, personal


def personal_in(obj: IntegrationObject, plan: Plan, *, filtered: bool) -> Personal:
    """What is redacted in the record, and in what is made of it, whatever becomes of that.

    `filtered` says that what filters looked at is told.
    """
    document = obj.document
    personal = plan.redaction.recorded(document)
    for made_by in filter(None, (step.mapping for step in plan.steps)):
        try:
            personal |= plan.redaction.sent(made_by.apply(document).value)
        except ExpressionError:
            # What the fields that it fills would have hidden, a filter may have looked at.
            if filtered:
                personal |= Personal(unknown=NO_MAPPING)
    return personal


def _prepared(obj: IntegrationObject, plan: Plan) -> Call | Outcome:
    if plan.deleted:
        return obj.drop("The integration was deleted.")
    # An object that brings its worker down would do so for ever.
    if obj.interruptions >= MOST_INTERRUPTIONS:
        text = f"The worker stopped in the middle of {obj.interruptions} attempts in a row."
        return obj.fail("interrupted", text, plan.policy, permanent=True)
    if obj.interrupted and obj.is_given_up(plan.policy):
        text = "The worker stopped in the middle of the last attempt."
        return obj.fail("interrupted", text, plan.policy, permanent=False)
    if plan.broken:
        return obj.fail("broken_configuration", plan.broken, plan.policy, permanent=True)
    change = obj.whole
    if obj.since and change.is_nothing:
        return obj.skip(
            "undone", "It was undone again before it was sent: there is nothing to tell."
        )
    document = obj.document
    left_out: list[str] = []
    step: Step | None = None
    try:
        if obj.step == 0 and plan.filters:
            verdict = plan.filters.evaluate(document)
            if not verdict.matched:
                return obj.skip("filter_no_match", verdict.reason, {"trace": verdict.trace})
        place = _place(obj, plan)
        if not plan.steps:
            return obj.skip("no_data_source", "There is no data source to deliver to.")
        place, passed = _wanted(obj, plan, place, document)
        if place >= len(plan.steps):
            return _nothing_more(obj, plan, passed)
        step = plan.steps[place]
        if until := obj.shut.get(step.source.pk):
            return obj.stand_by(step.source, until)
        made = step.mapping.apply(document) if step.mapping else Result(document)
        left_out = [warning.message for warning in made.warnings]
        request = step.connector.hiding(step.connector.request(made.value, _delivery(obj, step)))
        # Made here, where it may take its time: on the event loop it would stop every delivery.
        http.tls_context(request.tls)
    except ExpressionError as error:
        whose = "The mapping fails: " if isinstance(error, MappingError) else ""
        text = f"{whose}{error}{answer.perhaps(left_out)}"
        outcome = obj.fail("mapping_error", text, plan.policy, permanent=True)
        if step:
            outcome.changes["at_source"] = step.source.pk
            outcome.report = plan.report(step, "refuses", outcome.message)
        return outcome
    except CannotOpen as error:  # till the operator gives this worker the key
        return obj.fail("secrets_unreadable", str(error), plan.policy, permanent=False)
    return Call(obj, plan, step, place, request, left_out, passed, made.value)


def _wanted(obj: IntegrationObject, plan: Plan, place: int, document: Any) -> tuple[int, Passed]:
    """The next step that wants this, from a place on; and those that don't."""
    passed = Passed()
    for step in plan.steps[place:]:
        if obj.has_done(step.source):  # it stood elsewhere then
            place += 1
            continue
        verdict = step.filters.evaluate(document) if step.filters else None
        if verdict is not None and not verdict.matched:
            passed.trace += verdict.trace
            reason = verdict.reason
        elif not (reason := step.connector.needless(_delivery(obj, step))):
            break
        passed.said.append(f"{step.source} was left out: {reason}")
        place += 1
    return place, passed


def _nothing_more(obj: IntegrationObject, plan: Plan, passed: Passed) -> Outcome:
    """No step from here on wants it: that is all, or, where nothing was delivered, nothing."""
    data = {"trace": passed.trace}
    # Each step that was answered is counted, and those that enrich keep their answers.
    if obj.step > len(obj.answers or {}):
        return obj.succeed(f"That was all: {passed}.", data=data, **answer.forgetting(obj, plan))
    return obj.skip("filter_no_match", str(passed), data)


def _place(obj: IntegrationObject, plan: Plan) -> int:
    """Where it is among the steps; if that one is gone, behind the last of those that are done.

    Of which nothing was sent is at the first, for whichever target it waited.
    """
    places = {str(step.source.pk): place for place, step in enumerate(plan.steps)}
    if obj.at_source and str(obj.at_source) in places and not obj.is_untried:
        return places[str(obj.at_source)]
    if obj.done is None:
        return obj.step
    return max((places[id] + 1 for id in obj.done if id in places), default=0)


def _delivery(obj: IntegrationObject, step: Step) -> Delivery:
    of_caller = obj.change.traced
    trace = of_caller.next() if of_caller else Trace.of(obj.uuid)
    return Delivery(
        id=_message_id(obj, step),
        attempt=obj.attempts,
        sequence=obj.pk or 0,
        timestamp=int(time.time()),
        traceparent=trace.parent,
        tracestate=trace.state,
        hops=obj.change.hops + 1,
        test=obj.pk is None,  # it is in no queue
        action=obj.whole.action,
        remote_id=obj.remote_ids.get(step.source.pk, ""),
    )


def _message_id(obj: IntegrationObject, step: Step) -> str:
    """The id of the message to this data source: to a receiver that knows it, it is the same again.

    The first that is called has the id of the object; the others have a part of their own in it.
    """
    if obj.done is None and obj.step:  # as it was counted before
        return f"{obj.uuid}-{obj.step + 1}"
    if obj.is_untried or (not obj.step and obj.at_source in (None, step.source.pk)):
        return str(obj.uuid)
    return f"{obj.uuid}-{step.source.pk.hex[-12:]}"
