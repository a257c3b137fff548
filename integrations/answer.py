"""What an answer means, and what may be kept of it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from integrations import http
from integrations.core import paths
from integrations.core.backoff import parse_retry_after
from integrations.core.chance import random_id
from integrations.core.errors import ExpressionError
from integrations.core.redaction import Personal, Redaction
from integrations.core.spellings import MASK
from integrations.core.trouble import Kind, Report
from integrations.http import Exchange, Request
from integrations.models import (
    IntegrationObject,
    Level,
    Outcome,
    Remembered,
    RequestLog,
    Use,
    remote_record,
)
from integrations.plan import Plan, Step
from otms import documents

NO_CONTENT = 204
NOT_LET_IN = (401, 407)
# Nothing against the document: anything would be too much, or not get through to who answers.
OF_THE_TARGET = (429, 502, 503, 504)
GONE = 410
GONE_THERE = (404, GONE)
GONE_WORDS = (
    " The record may be gone there: put the object back with `anew`, and it is created once more."
)
MOVED = " Redirects are not followed; change the URL of the data source."
# What the log says of an error other than that nothing arrived.
FAILURES = {"egress": "egress_refused", "refused": "target_refused", "token": "token_refused"}
SPOKEN = 3  # of the paths that led nowhere, how many a log line names


@dataclass
class Passed:
    """The steps before this one whose own filters said no, and on what."""

    said: list[str] = field(default_factory=list)
    trace: list[dict[str, Any]] = field(default_factory=list)

    def __str__(self) -> str:
        return "; ".join(self.said)


@dataclass(frozen=True)
class Call:
    """A request that is ready to go, and all that is needed to judge its answer."""

    object: IntegrationObject
    plan: Plan
    step: Step
    place: int  # of the step
    request: Request
    left_out: list[str]  # what the mapping did not find, in words
    passed: Passed  # the steps before it that were left out
    mapped: Any = None
    logged_body: str = ""  # the body without what stands at the paths that are redacted
    logged_query: str = ""  # the same of what is asked in the URL
    personal: Personal = field(default_factory=Personal)  # what is not to be said of it


def judge(call: Call, exchange: Exchange) -> Outcome:
    """What the answer means: delivered, again later, or never."""
    kept, personal = as_kept(call, exchange)
    outcome = _judged(call, exchange, kept)
    outcome.report = report(call, exchange, outcome)
    if outcome.changes.get("error"):
        # Where it goes on, whatever steps are put before this one meanwhile.
        outcome.changes["at_source"] = call.step.source.pk
    redaction = call.plan.redaction
    return redacted(outcome, redaction, personal) if redaction else outcome


def report(call: Call, exchange: Exchange, outcome: Outcome) -> Report:
    """What it tells of the target, whatever becomes of this object."""
    error = outcome.changes.get("error")
    if not error:
        return call.plan.report(call.step, "works")
    if outcome.pause_reason:
        return call.plan.report(call.step, "gone", error)
    wait = _retry_after(exchange)
    return call.plan.report(call.step, _kind(call, exchange, wait), error, wait)


def _kind(call: Call, exchange: Exchange, wait: float | None) -> Kind:
    """Would it have failed with any other document, perhaps, or is it this one?"""
    status = exchange.status
    if exchange.error:
        final = exchange.error_kind in http.FINAL and exchange.error_kind != "token"
        return "refuses" if final else "down"
    retried = call.plan.policy.retry.retries(status)
    if status in NOT_LET_IN or (retried and (wait is not None or status in OF_THE_TARGET)):
        return "down"
    return "fails" if retried else "refuses"


def as_kept(call: Call, exchange: Exchange) -> tuple[Exchange, Personal]:
    """The exchange with its answer as it may be kept, and what is not to be said of all of it."""
    if not (redaction := call.plan.redaction):
        return exchange, call.personal
    body, answered = redaction.body(exchange.body)
    personal = call.personal | answered
    heads = {name: personal.unsaid(value) for name, value in exchange.headers.items()}
    return replace(exchange, body=personal.unsaid(body).encode(), headers=heads), personal


def redacted(outcome: Outcome, redaction: Redaction, personal: Personal) -> Outcome:
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
        report=outcome.report
        and replace(outcome.report, reason=personal.unsaid(outcome.report.reason)),
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
    recorded: dict[str, Any] = {"request": request_log(call, kept)}
    data = {"leftOut": call.left_out, "trace": call.passed.trace}
    if told := {name: value for name, value in data.items() if value}:
        recorded["data"] = told
    if exchange.error:
        return _unanswered(call, exchange, recorded)
    status = exchange.status
    deleted = _is_gone(call, status) and call.object.whole.action == "deleted"
    accepted = status is None or deleted or call.step.accepts(status)
    said_no = refusal(call, exchange)
    if accepted and not said_no:
        return _delivered(call, exchange, recorded)
    return _refused(call, exchange, refused(call, kept, said_no), recorded)


def _unanswered(call: Call, exchange: Exchange, recorded: dict[str, Any]) -> Outcome:
    policy = call.plan.policy
    text = f"{call.request.where}: {exchange.error}"
    if exchange.error_kind in ("egress", "refused"):
        text += perhaps(call.left_out)
    return call.object.fail(
        FAILURES.get(exchange.error_kind, "not_delivered"),
        text,
        policy,
        permanent=exchange.error_kind in http.FINAL or not policy.retry.retries(None),
        retry_after=_retry_after(exchange),
        **recorded,
    )


def _delivered(call: Call, exchange: Exchange, recorded: dict[str, Any]) -> Outcome:
    obj, source = call.object, call.step.source
    if source.use == Use.ENRICH:
        if exchange.truncated:
            text = too_long(call)
            return obj.fail("answer_too_large", text, call.plan.policy, permanent=True, **recorded)
        recorded["answers"] = {**(obj.answers or {}), source.name: read(exchange.body)}
    said, unknown = remembered(call, exchange)
    following = next(
        (each for each in call.plan.steps[call.place + 1 :] if not obj.has_done(each.source)), None
    )
    if not following:
        recorded |= forgetting(obj, call.plan)
    text = f"{took(call, exchange)}{_said(call.left_out)}"
    text += f" {exchange.note}" if exchange.note else ""
    text += f" {call.passed}." if call.passed.said else ""
    text += f" {unknown}" if unknown else ""
    outcome = obj.succeed(
        text,
        then=following.source if following else None,
        level=Level.WARNING if call.left_out or unknown else Level.INFO,
        **{"remembered": said, **recorded},
    )
    if following:
        outcome.changes["done"] = (*(obj.done or ()), str(source.pk))
    if said:
        outcome.changes["external_id"] = said.remote_id
    return outcome


def _refused(call: Call, exchange: Exchange, text: str, recorded: dict[str, Any]) -> Outcome:
    policy, status = call.plan.policy, exchange.status or 0
    if not policy.retry.retries(status):
        text += perhaps(call.left_out)
    if _is_gone(call, status):
        text += GONE_WORDS
    elif status == GONE:
        recorded["pause_reason"] = f"{call.request.where} answered 410: it is gone for good."
        text += " The integration is suspended until a person saves it again."
    if 300 <= status < 400:
        text += MOVED
    if exchange.note:
        text += f" {exchange.note}"
    return call.object.fail(
        "target_refused",
        text,
        policy,
        permanent=not policy.retry.retries(status),
        retry_after=_retry_after(exchange),
        **recorded,
    )


def _is_gone(call: Call, status: int | None) -> bool:
    """Was it about a record of the target's, which it has no more?"""
    return call.request.of_record and status in GONE_THERE


def refusal(call: Call, exchange: Exchange) -> str:
    """Why it is no success, though its status may be one; "" if nothing speaks against it.

    Who redacts is not told what stands in an answer that has no paths.
    """
    step, status = call.step, exchange.status
    if said := step.connector.refusal(exchange):
        return said
    if step.answer is None or status == NO_CONTENT or not (status is None or step.accepts(status)):
        return ""
    if exchange.truncated:
        return f"Its answer is longer than {http.BODY_CAP // 1024} KiB: is it a success?"
    answered = read(exchange.answer)
    if not isinstance(answered, dict | list) and step.looks_inside:
        return "That is no success: its answer is no JSON that has what is looked for."
    try:
        verdict = step.answer.evaluate(answered)
    except ExpressionError as error:
        return f"Is it a success? {exchange.request.unsaid(str(error))}"
    if verdict.matched:
        return ""
    if call.plan.redaction and not isinstance(answered, dict | list):
        return "That is no success: its answer is another text."
    reason = exchange.request.unsaid(verdict.reason)
    if call.plan.redaction:
        reason = call.plan.redaction.trace(verdict.trace, call.personal)[1].unsaid(reason)
    return f"That is no success: {reason}."


def remembered(call: Call, exchange: Exchange) -> tuple[Remembered | None, str]:
    """What the answer says that the target calls the record; and what is wrong if it does not."""
    if not call.step.remember:
        return None, ""
    source, known = call.step.source, call.object.remote_ids.get(call.step.source.pk, "")
    if call.object.whole.action == "deleted":
        return None, ""
    try:
        found = call.step.remember.find(read(exchange.answer))
    except paths.PathError:
        found = []
    id = remote_record.readable(found[0]) if found else ""
    if id and MASK not in id:
        return (Remembered(source.pk, id) if id != known else None), ""
    if known:  # who is told of a change need not say again what it calls the record
        return None, ""
    path = source.remember
    text = f"Its answer has no id at `{path}` to remember: the next change will create it again."
    return None, text


def forgetting(obj: IntegrationObject, plan: Plan) -> dict[str, Any]:
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
        uuid=random_id(),
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


def perhaps(left_out: list[str]) -> str:
    """What the mapping did not find, as a guess at why the target said no."""
    return f" Perhaps because of this:{_said(left_out)}" if left_out else ""


def _said(left_out: list[str]) -> str:
    """What the mapping did not find, in short: often it is why a receiver refuses."""
    return "".join(f" {text}" for text in left_out[:SPOKEN])
