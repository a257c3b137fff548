"""One real call of an integration, made to see what comes of it: a test, marked as one.

It goes the way of a delivery, through filters, mapping, connector and the guard, and is judged and
redacted as one. But there is no object of the queue, no second attempt, and no status: what stays
is a request log with `test`, and an entry of the audit trail. No transaction is open meanwhile.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync, sync_to_async
from django.db import IntegrityError, transaction

from integrations import answer, entities, http, pipeline
from integrations.answer import Call
from integrations.connectors.base import BlockingConnector
from integrations.core import origin
from integrations.core.errors import ExpressionError
from integrations.core.redaction import Personal
from integrations.http import Exchange, Grant, Request
from integrations.models import (
    EntityChange,
    Integration,
    IntegrationObject,
    Outcome,
    RemoteRecord,
    RequestLog,
    Use,
)
from integrations.plan import Plan, compiled, recall
from integrations.tokens import Tokens
from otms import documents
from otms.accounts import audit

ROUND = (
    "This call is the work of {} deliveries of ours, each the cause of the next: nothing is sent, "
    "or it would go round for ever."
)


@dataclass
class Trial:
    """What came of it, as it may be shown; `exchange` is what is kept of the call, if one was made.

    Without filters, and where they say yes, it `matched`. The `error` is why it went wrong, and the
    `verdict` all of it in a sentence or two.
    """

    matched: bool = True
    trace: list[dict[str, Any]] = field(default_factory=list)
    result: Any = None
    warnings: list[dict[str, str]] = field(default_factory=list)
    exchange: RequestLog | None = None
    error: str = ""
    verdict: str = ""


def change_of(integration: Integration, entity_id: UUID) -> EntityChange | None:
    """The record as it is now, with what it was before its last change; None if there is none."""
    key, platform = integration.trigger_entity, integration.platform_id
    entity = entities.load(key)
    if not entity.root.objects.of(platform).filter(pk=entity_id).exists():
        return None
    now = entity.snapshots([entity_id], "default").get(entity_id)
    if now is None:
        return None
    known = EntityChange.objects.of(platform).filter(entity=key, entity_id=entity_id)
    last = known.exclude(origin=origin.REPLAY).order_by("-id").first()
    return _change(integration, last.before if last else None, now)


def change_to(integration: Integration, document: dict[str, Any]) -> EntityChange:
    """The change of which filters and mappings see this document."""
    key = integration.trigger_entity
    return _change(integration, (document.get("before") or {}).get(key), document[key])


def _change(integration: Integration, before: Any, now: dict[str, Any]) -> EntityChange:
    key, cause = integration.trigger_entity, origin.current()
    return EntityChange(
        platform_id=integration.platform_id,
        entity=key,
        entity_id=UUID(now["id"]),
        reference=entities.load(key).reference(now),
        action="created" if before is None else "updated",
        before=before,
        after=now,
        hops=cause.hops,
        trace=str(cause.trace) if cause.trace else None,
    )


def tried(
    integration: Integration,
    change: EntityChange,
    place: int = 0,
    *,
    force: bool = False,
    is_real: bool = False,
    answers: dict[str, Any] | None = None,
) -> Trial:
    """Make the call of the data source in this place; if the filters say no, only by `force`.

    `answers` are what the steps before it were answered, by their names.
    What a target answers that it calls a record is remembered, if the record is real.
    """
    plan, trial = compiled(integration), Trial()
    obj = object_of(integration, change, place)
    obj.answers = answers
    recall([(obj, plan)])
    reason = _filtered(trial, plan, obj)
    _mapped(trial, plan, obj)
    steps = [replace(step, filters=None) for step in plan.steps]
    made = pipeline.prepare(obj, replace(plan, filters=None, steps=steps))
    personal = Personal()
    if plan.redaction:
        personal = pipeline.personal_in(obj, plan, filtered=bool(trial.trace))
        # Of what filters saw more may be hidden; bodies are masked as those of a delivery.
        reason = plan.redaction.trace(trial.trace, personal)[1].unsaid(reason)
    if isinstance(made, Outcome):
        # As it is told of a delivery, and so redacted already.
        trial.error = trial.error or made.changes.get("error") or made.message
        trial.verdict = f"Nothing was sent: {trial.error}"
    elif trial.error:
        trial.error = personal.unsaid(trial.error)
        trial.verdict = f"Nothing was sent: {trial.error}"
    elif not (trial.matched or force):
        personal |= made.personal
        trial.verdict = f"Nothing was sent, because a filter says no: {personal.unsaid(reason)}."
    elif change.hops >= origin.MOST_HOPS:
        trial.verdict = ROUND.format(change.hops)
    else:
        call = replace(made, personal=made.personal | personal)
        personal = _make(trial, call, is_real=is_real)
        if not trial.matched:
            no = f"A filter says no ({personal.unsaid(reason)}), and it was sent all the same."
            trial.verdict = f"{no} {trial.verdict}"
    if plan.redaction:
        _redact(trial, plan, personal)
    return trial


def object_of(integration: Integration, change: EntityChange, place: int) -> IntegrationObject:
    """What a worker would have of this change; it is never stored."""
    return IntegrationObject(
        platform_id=integration.platform_id,
        integration=integration,
        change=change,
        entity=change.entity,
        entity_id=change.entity_id,
        reference=change.reference,
        attempts=1,
        step=place,
        queued_at=datetime.now(UTC),
    )


def _filtered(trial: Trial, plan: Plan, obj: IntegrationObject) -> str:
    """Ask the filters, and those of the data source; why they say no."""
    of_step = plan.steps[obj.step].filters if obj.step < len(plan.steps) else None
    reasons = []
    for asked in filter(None, (plan.filters, of_step)):
        try:
            verdict = asked.evaluate(obj.document)
        except ExpressionError as error:
            trial.matched, trial.error = False, str(error)
            return ""
        trial.trace += verdict.trace
        if not verdict.matched:
            trial.matched = False
            reasons.append(verdict.reason)
    return "; ".join(reasons)


def _mapped(trial: Trial, plan: Plan, obj: IntegrationObject) -> None:
    """What is made of the document, with a warning for each path that led nowhere."""
    step = plan.steps[obj.step] if obj.step < len(plan.steps) else None
    if step is None or step.mapping is None:
        trial.result = obj.document if step else None
        return
    # What can't be carried out is told by prepare(), as it is of a delivery.
    with suppress(ExpressionError):
        made = step.mapping.apply(obj.document, explain=True)
        trial.result = made.value
        trial.warnings = [
            {"target": each.target, "path": each.path, "message": each.message}
            for each in made.warnings
        ]


def _make(trial: Trial, call: Call, *, is_real: bool) -> Personal:
    """Make the call, and keep it; what is not to be said of it."""
    change = call.object.change
    of = f"{change.entity} {str(change.entity_id)[:8]}"
    audit.record("test:integration", call.object.integration, note=f"With {of}.")
    exchange = _sent(call)
    kept, personal = answer.as_kept(call, exchange)
    row = trial.exchange = answer.request_log(call, kept)
    row.test = True
    error, verdict = _judged(call, exchange, kept)
    if call.plan.redaction:
        answer.unsay(row, personal)
        error, verdict = personal.unsaid(error), personal.unsaid(verdict)
    trial.error, trial.verdict = error, verdict
    _keep(row)
    said, _ = answer.remembered(call, exchange)
    if is_real and said and not error:
        # Unless the data source was taken away meanwhile.
        with suppress(IntegrityError), transaction.atomic():
            RemoteRecord.objects.remember([(call.object, said)])
    return personal


def _sent(call: Call) -> Exchange:
    connector, timeout = call.step.connector, call.plan.policy.timeout
    if isinstance(connector, BlockingConnector):
        return connector.call(call.request, timeout=timeout)
    if grant := connector.grant:
        return async_to_sync(_bearing)(call, grant, timeout)
    return http.call(call.request, timeout=timeout)


async def _bearing(call: Call, grant: Grant, timeout: float) -> Exchange:
    """With the access token that deliveries share, which is fetched as they do if there is none."""

    async def send(request: Request, *, timeout: float) -> Exchange:
        return await asyncio.to_thread(http.call, request, timeout=timeout)

    async def in_database(function: Any, *args: Any, **kwargs: Any) -> Any:
        return await sync_to_async(function)(*args, **kwargs)

    tokens = Tokens(send, in_database)
    return await tokens.send(call.step.source.pk, grant, call.request, send, timeout=timeout)


def _judged(call: Call, exchange: Exchange, kept: Exchange) -> tuple[str, str]:
    """Why it went wrong, "" if it didn't; and all of it in a sentence."""
    error = ""
    if exchange.error:
        error = f"{call.request.where}: {exchange.error}"
    elif refusal := answer.refusal(call, exchange):
        error = answer.refused(call, kept, refusal)
    elif exchange.status is not None and not call.step.accepts(exchange.status):
        moved = answer.MOVED if 300 <= exchange.status < 400 else ""
        error = answer.refused(call, kept, "") + moved
    elif call.step.source.use == Use.ENRICH and exchange.truncated:
        error = answer.too_long(call)
    note = f" {exchange.note}" if exchange.note else ""
    if error:
        return error, f"It does not work: {error}{note}"
    return "", f"It works: {answer.took(call, exchange)}{note}"


def _keep(row: RequestLog) -> None:
    """Store it, also when the data source was taken away meanwhile: the call was made."""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        row.data_source_id = None
        row.save()


def _redact(trial: Trial, plan: Plan, personal: Personal) -> None:
    """Take out of what is shown what the integration redacts, wherever it stands."""
    body, sent = "", Personal()
    if trial.result is not None:
        body, sent = plan.redaction.body(documents.dumps(trial.result))
    personal |= sent
    trial.trace, _ = plan.redaction.trace(trial.trace, personal)
    if body:
        trial.result = _read(personal.unsaid(body))
    for warning in trial.warnings:
        warning["message"] = personal.unsaid(warning["message"])


def _read(text: str) -> Any:
    """A document as it may be shown, or the text that stands for one."""
    try:
        return documents.loads(text)
    except ValueError:
        return text
