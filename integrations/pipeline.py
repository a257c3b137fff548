"""Filter, map, build the call, judge the answer: what happens to one claimed object.

No transaction is open here. `prepare` and `judge` are the two halves around the call; the first
runs off the event loop, because a customer's mapping may take its time.
"""

import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from django.db import Error

from integrations import connectors, http
from integrations.connectors.base import Connector, Delivery
from integrations.core import filters, mapping, paths, query
from integrations.core.backoff import parse_retry_after
from integrations.core.delivery import DeliveryPolicy
from integrations.core.errors import ExpressionError
from integrations.core.filters import Filters
from integrations.core.mapping import Mapping, Result
from integrations.core.redaction import NO_MAPPING, Personal, Redaction
from integrations.core.spellings import MASK
from integrations.http import Exchange, Request
from integrations.models import (
    DataSource,
    Integration,
    IntegrationObject,
    IntegrationVersion,
    Level,
    Outcome,
    Remembered,
    RemoteRecord,
    RequestLog,
    Status,
    Use,
    remote_record,
)
from otms import documents
from otms.db.sealing import CannotOpen

GONE = 410
# What the log says of an error other than that nothing arrived.
FAILURES = {"egress": "egress_refused", "refused": "target_refused", "token": "token_refused"}
MOST_INTERRUPTIONS = 5
NO_CONTENT = 204
GONE_THERE = (404, GONE)
GONE_WORDS = (
    " The record may be gone there: put the object back with `anew`, and it is created once more."
)
MOVED = " Redirects are not followed; change the URL of the data source."
SPOKEN = 3  # of the paths that led nowhere, how many a log line names

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """A data source, compiled."""

    source: DataSource
    connector: Connector
    filters: Filters | None
    mapping: Mapping | None
    success: frozenset[int] | None
    answer: Filters | None  # what holds in an answer of success
    looks_inside: bool = False  # has it to be JSON for that?
    remember: paths.Path | None = None  # where it says what the target calls the record

    @property
    def reads(self) -> bool:
        """Is it looked up in the answer what it means?"""
        return bool(self.answer or self.remember)

    def accepts(self, status: int) -> bool:
        return status in self.success if self.success else 200 <= status < 300

    def refusal(self, exchange: Exchange, *, redacts: bool = False) -> str:
        """Why it is no success, though its status may be one; "" if nothing speaks against it.

        Who redacts is not told what stands in an answer that has no paths.
        """
        if refusal := self.connector.refusal(exchange):
            return refusal
        status = exchange.status
        if (
            self.answer is None
            or status == NO_CONTENT
            or not (status is None or self.accepts(status))
        ):
            return ""
        if exchange.truncated:
            return f"Its answer is longer than {http.BODY_CAP // 1024} KiB: is it a success?"
        said = read(exchange.answer)
        if not isinstance(said, dict | list):
            if self.looks_inside:
                return "That is no success: its answer is no JSON that has what is looked for."
            if redacts and not self.answer.evaluate(said).matched:
                return "That is no success: its answer is another text."
        try:
            verdict = self.answer.evaluate(said)
        except ExpressionError as error:
            return f"Is it a success? {exchange.request.unsaid(str(error))}"
        reason = exchange.request.unsaid(verdict.reason)
        return "" if verdict.matched else f"That is no success: {reason}."


@dataclass(frozen=True)
class Plan:
    """One version of an integration, compiled once and used for every change."""

    name: str
    version: int
    filters: Filters | None
    steps: list[Step]
    policy: DeliveryPolicy
    broken: str = ""  # why it can't be compiled, though it was checked when it was saved
    deleted: bool = False
    redaction: Redaction = field(default_factory=lambda: Redaction(()))


@dataclass(frozen=True)
class Call:
    """A request that is ready to go, and all that is needed to judge its answer."""

    object: IntegrationObject
    plan: Plan
    step: Step
    place: int  # of the step
    request: Request
    left_out: list[str]  # what the mapping did not find, in words
    passed: "Passed"  # the steps before it that were left out
    mapped: Any = None
    logged_body: str = ""  # the body without what stands at the paths that are redacted
    logged_query: str = ""  # the same of what is asked in the URL
    personal: Personal = field(default_factory=Personal)  # what is not to be said of it


@dataclass
class Passed:
    """The steps before this one whose own filters said no, and on what."""

    said: list[str] = field(default_factory=list)
    trace: list[dict[str, Any]] = field(default_factory=list)

    def __str__(self) -> str:
        return "; ".join(self.said)


class Plans:
    """The plans of this worker, by integration; a new version replaces the old one.

    Beside it stand the plans of what began with an older one: as it is now, but with the filters
    and mappings of then. They are forgotten with it.
    """

    def __init__(self) -> None:
        self._plans: dict[Any, dict[int | None, Plan]] = {}

    def refresh(self, objects: Iterable[IntegrationObject]) -> None:
        """Compile what these need and is not there yet: one query when nothing is."""
        needed: dict[Any, set[int | None]] = defaultdict(set)
        for obj in objects:
            needed[obj.integration_id].add(obj.version)
        everywhere = Integration.objects.across_platforms()
        current = dict(everywhere.filter(pk__in=needed).values_list("pk", "version"))
        for id, version in current.items():
            known = self._plans.get(id, {})
            if None not in known or known[None].version != version:
                known = self._plans[id] = {None: compiled(everywhere.get(pk=id))}
            for older in needed[id] - known.keys():
                known[older] = _as_of(older, id, known[None])

    def recall(self, objects: Iterable[IntegrationObject]) -> None:
        """Give these what their targets call them: one query, and none where nobody remembers."""
        recall([(obj, self[obj]) for obj in objects])

    def __getitem__(self, obj: IntegrationObject) -> Plan:
        return self._plans[obj.integration_id][obj.version]


def recall(planned: Iterable[tuple[IntegrationObject, Plan]]) -> None:
    """Give these objects what their targets call them, by the names of the data sources."""
    remembering = [(obj, plan) for obj, plan in planned if any(s.remember for s in plan.steps)]
    if not remembering:
        return
    everywhere = RemoteRecord.objects.across_platforms()
    known = {
        (each.data_source_id, each.entity, each.entity_id): each.remote_id
        for each in everywhere.of_objects(obj for obj, _ in remembering)
    }
    for obj, plan in remembering:
        obj.remote, obj.remote_ids = {}, {}
        for source in (step.source for step in plan.steps if step.remember):
            if id := known.get((source.pk, obj.entity, obj.entity_id)):
                obj.remote[source.name] = obj.remote_ids[source.pk] = id


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
        return _redacted(made, plan.redaction, personal)
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
    try:
        if obj.step == 0 and plan.filters:
            verdict = plan.filters.evaluate(document)
            if not verdict.matched:
                return obj.skip("filter_no_match", verdict.reason, {"trace": verdict.trace})
        place = _place(obj, plan)
        if place >= len(plan.steps):
            return obj.skip("no_data_source", "There is no data source to deliver to.")
        place, passed = _wanted(obj, plan, place, document)
        if place >= len(plan.steps):
            return _nothing_more(obj, plan, passed)
        step = plan.steps[place]
        made = step.mapping.apply(document) if step.mapping else Result(document)
        left_out = [warning.message for warning in made.warnings]
        request = step.connector.hiding(step.connector.request(made.value, _delivery(obj, step)))
        # Made here, where it may take its time: on the event loop it would stop every delivery.
        http.tls_context(request.tls)
    except ExpressionError as error:
        text = f"{error}{_perhaps(left_out)}"
        return obj.fail("mapping_error", text, plan.policy, permanent=True)
    except CannotOpen as error:  # till the operator gives this worker the key
        return obj.fail("secrets_unreadable", str(error), plan.policy, permanent=False)
    return Call(obj, plan, step, place, request, left_out, passed, made.value)


def _wanted(obj: IntegrationObject, plan: Plan, place: int, document: Any) -> tuple[int, Passed]:
    """The next step that wants this, from a place on; and those that don't."""
    passed = Passed()
    for step in plan.steps[place:]:
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
    done = (step for step in plan.steps[: obj.step] if step.source.use == Use.DELIVER)
    if any(not step.filters or step.filters.evaluate(obj.document).matched for step in done):
        return obj.succeed(f"That was all: {passed}.", data=data, **_forgetting(obj, plan))
    return obj.skip("filter_no_match", str(passed), data)


def _place(obj: IntegrationObject, plan: Plan) -> int:
    """Where it is among the steps; where its data source is gone, the one that follows is there."""
    places = {step.source.pk: place for place, step in enumerate(plan.steps)}
    return places.get(obj.at_source, obj.step) if obj.at_source else obj.step


def _delivery(obj: IntegrationObject, step: Step) -> Delivery:
    return Delivery(
        # Each step is a message of its own to a receiver that knows messages by their id.
        id=f"{obj.uuid}-{obj.step + 1}" if obj.step else str(obj.uuid),
        attempt=obj.attempts,
        sequence=obj.pk or 0,
        timestamp=int(time.time()),
        traceparent=f"00-{obj.uuid.hex}-{secrets.token_hex(8)}-01",
        hops=obj.change.hops + 1,
        test=obj.pk is None,  # it is in no queue
        action=obj.whole.action,
        remote_id=obj.remote_ids.get(step.source.pk, ""),
    )


def judge(call: Call, exchange: Exchange) -> Outcome:
    """What the answer means: delivered, again later, or never."""
    kept, personal = as_kept(call, exchange)
    outcome = _judged(call, exchange, kept)
    if outcome.changes.get("status") in (Status.RETRY, Status.ERROR):
        # Where it goes on, whatever steps are put before this one meanwhile.
        outcome.changes["at_source"] = call.step.source.pk
    redaction = call.plan.redaction
    return _redacted(outcome, redaction, personal) if redaction else outcome


def as_kept(call: Call, exchange: Exchange) -> tuple[Exchange, Personal]:
    """The exchange with its answer as it may be kept, and what is not to be said of all of it."""
    if not (redaction := call.plan.redaction):
        return exchange, call.personal
    body, answered = redaction.body(exchange.body)
    personal = call.personal | answered
    heads = {name: personal.unsaid(value) for name, value in exchange.headers.items()}
    return replace(exchange, body=personal.unsaid(body).encode(), headers=heads), personal


def _redacted(outcome: Outcome, redaction: Redaction, personal: Personal) -> Outcome:
    """The outcome without what the integration redacts, in whatever is said about it."""
    data = dict(outcome.data or {})
    if "trace" in data:
        data["trace"], personal = redaction.trace(data["trace"], personal)
    if row := outcome.request:
        unsay(row, personal)
    told = {name: outcome.changes[name] for name in ("error", "reason") if name in outcome.changes}
    return replace(
        outcome,
        message=personal.unsaid(outcome.message),
        changes=outcome.changes | {name: personal.unsaid(text) for name, text in told.items()},
        pause_reason=personal.unsaid(outcome.pause_reason),
        data={
            name: value if name == "trace" else personal.unsaid_in(value)
            for name, value in data.items()
        }
        or None,
    )


def unsay(row: RequestLog, personal: Personal) -> None:
    """Take out of what is written down of a call what is not to be said of it."""
    for name in ("url", "request_body", "error"):
        setattr(row, name, personal.unsaid(getattr(row, name)))


def _judged(call: Call, exchange: Exchange, kept: Exchange) -> Outcome:
    """By what was answered; what is written down is as it is kept."""
    obj, policy = call.object, call.plan.policy
    recorded: dict[str, Any] = {"request": request_log(call, kept)}
    data = {"leftOut": call.left_out, "trace": call.passed.trace}
    if told := {name: value for name, value in data.items() if value}:
        recorded["data"] = told
    where = call.request.where
    if exchange.error:
        permanent = exchange.error_kind in http.FINAL or not policy.retry.retries(None)
        text = f"{where}: {exchange.error}"
        if exchange.error_kind in ("egress", "refused"):
            text += _perhaps(call.left_out)
        code = FAILURES.get(exchange.error_kind, "not_delivered")
        wait = _retry_after(exchange)
        return obj.fail(code, text, policy, permanent=permanent, retry_after=wait, **recorded)
    status = exchange.status
    is_gone = call.request.of_record and status in GONE_THERE
    deleted = is_gone and obj.whole.action == "deleted"
    accepted = status is None or deleted or call.step.accepts(status)
    refusal = call.step.refusal(exchange, redacts=bool(call.plan.redaction))
    if accepted and not refusal:
        if call.step.source.use == Use.ENRICH and exchange.truncated:
            text = too_long(call)
            return obj.fail("answer_too_large", text, policy, permanent=True, **recorded)
        behind = call.plan.steps[call.place + 1 :]
        text = f"{took(call, exchange)}{_said(call.left_out)}"
        text += f" {exchange.note}" if exchange.note else ""
        text += f" {call.passed}." if call.passed.said else ""
        level = Level.WARNING if call.left_out else Level.INFO
        if call.step.remember:
            recorded["remembered"], unknown = _remembered(call, exchange)
            if unknown:
                text, level = f"{text} {unknown}", Level.WARNING
        if call.step.source.use == Use.ENRICH:
            answers = {**(obj.answers or {}), call.step.source.name: read(exchange.body)}
            recorded["answers"] = answers
        following = behind[0].source if behind else None
        if not following:
            recorded |= _forgetting(obj, call.plan)
        place = call.place + 1
        outcome = obj.succeed(text, then=following, place=place, level=level, **recorded)
        if outcome.remembered and outcome.remembered.remote_id:
            outcome.changes["external_id"] = outcome.remembered.remote_id
        return outcome
    status = status or 0
    text = refused(call, kept, refusal)
    if not policy.retry.retries(status):
        text += _perhaps(call.left_out)
    if is_gone:
        text += GONE_WORDS
    elif status == GONE:
        recorded["pause_reason"] = f"{where} answered 410: it is gone for good."
        text += " The integration is suspended until a person saves it again."
    if 300 <= status < 400:
        text += MOVED
    if exchange.note:
        text += f" {exchange.note}"
    return obj.fail(
        "target_refused",
        text,
        policy,
        permanent=not policy.retry.retries(status),
        retry_after=_retry_after(exchange),
        **recorded,
    )


def _remembered(call: Call, exchange: Exchange) -> tuple[Remembered | None, str]:
    """What the answer says that the target calls the record; and what is wrong if it does not."""
    source, known = call.step.source, call.object.remote_ids.get(call.step.source.pk, "")
    if call.object.whole.action == "deleted":
        return None, ""
    try:
        found = call.step.remember.find(read(exchange.answer)) if call.step.remember else []
    except paths.PathError:
        found = []
    id = remote_record.readable(found[0]) if found else ""
    if id and not any(hidden in id for hidden in call.request.hidden if hidden):
        return (Remembered(source.pk, id) if id != known else None), ""
    if known:  # who is told of a change need not say again what it calls the record
        return None, ""
    path = source.remember
    text = f"Its answer has no id at `{path}` to remember: the next change will create it again."
    return None, text


def _forgetting(obj: IntegrationObject, plan: Plan) -> dict[str, Any]:
    """When all steps are done with a deleted record, nobody needs to know what it is called.

    Not before: a step may still want to say it.
    """
    if obj.whole.action == "deleted" and any(step.remember for step in plan.steps):
        return {"remembered": Remembered()}
    return {}


def took(call: Call, exchange: Exchange) -> str:
    """That the target took it, as a sentence."""
    status = exchange.status
    answered = "took it" if status is None else f"answered {status}"
    return f"{call.request.where} {answered} in {exchange.duration_ms:.0f} ms."


def refused(call: Call, kept: Exchange, refusal: str) -> str:
    """What the target answered that is no success, as a sentence, or two where it says why."""
    text = f"{call.request.where} answered {kept.status or 0}{kept.said()}."
    return f"{text} {refusal}" if refusal else text


def too_long(call: Call) -> str:
    """That an answer is more than may be gone on with, as a sentence."""
    return (
        f"{call.request.where} answered more than {http.BODY_CAP // 1024} KiB, "
        "too much to go on with."
    )


def read(body: bytes) -> Any:
    """An answer as filters and later mappings see it: what its JSON says, else its text."""
    text = http.as_text(body)
    try:
        return documents.loads(text) if text.strip() else None
    except ValueError:
        return text


def _retry_after(exchange: Exchange) -> Any:
    after = exchange.headers.get("retry-after")
    return parse_retry_after(after, datetime.now(UTC)) if after else None


def request_log(call: Call, exchange: Exchange) -> RequestLog:
    """The exchange as it is kept: secrets masked, bodies as text."""
    return RequestLog(
        platform_id=call.object.platform_id,
        integration_id=call.object.integration_id,
        object_id=call.object.pk,
        data_source_id=call.step.source.pk,
        attempt=call.object.attempts,
        method=call.request.method,
        url=http.asking(call.request.where, call.logged_query),
        request_headers=http.redact_headers(exchange.request.headers),
        request_body=call.logged_body,
        response_status=exchange.status,
        response_headers=http.redact_headers(exchange.headers),
        response_body=http.as_text(exchange.body),
        truncated=exchange.truncated or len(call.request.body) > http.BODY_CAP,
        error=exchange.error,
        duration_ms=round(exchange.duration_ms, 1),
    )


def _perhaps(left_out: list[str]) -> str:
    """What the mapping did not find, as a guess at why the target said no."""
    return f" Perhaps because of this:{_said(left_out)}" if left_out else ""


def _said(left_out: list[str]) -> str:
    """What the mapping did not find, in short: often it is why a receiver refuses."""
    return "".join(f" {text}" for text in left_out[:SPOKEN])


def _as_of(version: int | None, id: Any, plan: Plan) -> Plan:
    """The plan with the filters and mappings of a version, if they were others than now."""
    if version is None or version >= plan.version:
        return plan
    kept = IntegrationVersion.objects.across_platforms().filter(integration=id)
    then, newest = kept.filter(number__lte=version).first(), kept.first()
    if then is None or then == newest:
        return plan
    integration = Integration.objects.across_platforms().get(pk=id)
    integration.filters = then.filters
    sources = list(integration.data_sources.all())
    for source in sources:
        source.mapping = then.mappings.get(str(source.pk), source.mapping)
        if str(source.pk) in then.mappings:
            source.filters = (then.conditions or {}).get(str(source.pk))
    return compiled(integration, sources)


def compiled(integration: Integration, sources: Sequence[DataSource] | None = None) -> Plan:
    """The plan; one integration that can't be compiled fails its own objects and no others."""
    steps, compiled, broken, policy = [], None, "", DeliveryPolicy.of(None)
    redaction = Redaction(())
    try:
        policy = integration.policy
        compiled = filters.compile(integration.filters) if integration.filters else None
        redaction = Redaction(integration.redact)
        steps = [_step(source) for source in sources or integration.data_sources.all()]
    except Error:
        raise
    except Exception as error:  # whatever is stored, the others must go on
        log.exception("an integration can't be used", extra={"integration": integration.pk})
        broken = f"The integration can't be used as it is stored: {error}"
    return Plan(
        name=integration.name,
        version=integration.version,
        filters=compiled,
        steps=steps,
        policy=policy,
        broken=broken,
        deleted=integration.deleted_at is not None,
        redaction=redaction,
    )


def _step(source: DataSource) -> Step:
    success = source.success or {}
    return Step(
        source=source,
        connector=connectors.load(source.connector)(source.settings or {}, source.secrets),
        filters=filters.compile(source.filters) if source.filters else None,
        mapping=mapping.compile(source.mapping) if source.mapping is not None else None,
        success=frozenset(success["status"]) if "status" in success else None,
        answer=filters.compile(success["body"]) if "body" in success else None,
        looks_inside=any(path != "$" for _, path in filters.fields(success.get("body"))),
        remember=paths.compile(source.remember) if source.remember else None,
    )
