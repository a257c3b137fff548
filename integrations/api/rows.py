"""One row of each monitoring list, as docs/reference/api.md has it, and the story of one object."""

from typing import Any

from integrations import story
from integrations.models import IntegrationObject, Log, RequestLog, Task
from integrations.models.gate import FOREVER
from integrations.trial import Trial


def object_row(row: IntegrationObject) -> dict[str, Any]:
    change = row.whole
    return {
        "id": row.uuid,
        "integrationId": row.integration_id,
        "status": row.status,
        "entity": row.entity,
        "entityId": row.entity_id,
        "reference": row.reference,
        "action": change.action,
        "changedFields": change.changed_fields,
        "attempts": row.attempts,
        "dueAt": row.due_at if row.due_at != FOREVER else None,
        "claimedAt": row.claimed_at if row.leased else None,
        "reason": row.reason,
        "error": row.error,
        "externalId": row.external_id,
        "replayOf": row.replay_of.uuid if row.replay_of else None,
        "sequence": row.pk,
        "createdAt": row.created_at,
        "finishedAt": row.finished_at,
    }


def object_story(row: IntegrationObject) -> dict[str, Any]:
    """The row, and all that is known about it: what a person asks when it did not arrive."""
    change = row.whole
    return {
        **object_row(row),
        "inWords": story.in_words(row),
        "change": {
            "action": change.action,
            "before": change.before,
            "after": change.after,
            "changedFields": change.changed_fields,
            "origin": change.origin,
            "originIntegrationId": change.origin_integration_id,
            "createdAt": change.created_at,
        },
        "trace": story.trace(row),
        "remote": story.remote(row),
        "requestLogs": [request_log_row(each) for each in story.attempts(row)],
        "logs": [log_row(each) for each in story.lines(row)],
    }


def log_row(row: Log) -> dict[str, Any]:
    return {
        "id": row.uuid,
        "integrationId": row.integration_id,
        "objectId": row.object.uuid if row.object else None,
        "level": row.level,
        "code": row.code,
        "message": row.message,
        "data": row.data,
        "createdAt": row.created_at,
    }


def request_log_row(row: RequestLog) -> dict[str, Any]:
    return {
        "id": row.uuid,
        "integrationId": row.integration_id,
        "objectId": row.object.uuid if row.object else None,
        "dataSourceId": row.data_source_id,
        "attempt": row.attempt,
        "method": row.method,
        "url": row.url,
        "requestHeaders": row.request_headers,
        "requestBody": row.request_body,
        "responseStatus": row.response_status,
        "responseHeaders": row.response_headers,
        "responseBody": row.response_body,
        "truncated": row.truncated,
        "error": row.error,
        "durationMs": row.duration_ms,
        "interrupted": row.interrupted,
        "test": row.test,
        "createdAt": row.created_at,
    }


def trial_row(trial: Trial) -> dict[str, Any]:
    """What came of one call that was made to see what comes of it."""
    row = trial.exchange
    return {
        "matched": trial.matched,
        "trace": trial.trace,
        "result": trial.result,
        "warnings": trial.warnings,
        "request": row
        and {
            "method": row.method,
            "url": row.url,
            "headers": row.request_headers,
            "body": row.request_body,
        },
        "response": row
        and {
            "status": row.response_status,
            "headers": row.response_headers,
            "body": row.response_body,
            "durationMs": row.duration_ms,
        },
        "error": trial.error,
        "verdict": trial.verdict,
        "requestLogId": row and row.uuid,
    }


def task_row(row: Task) -> dict[str, Any]:
    return {
        "id": row.pk,
        "integrationId": row.integration_id,
        "kind": row.kind,
        "status": row.status,
        "total": row.total,
        "done": row.done,
        "failed": row.failed,
        "message": row.message,
        "resultFile": None,
        "startedBy": row.started_by,
        "createdAt": row.created_at,
        "startedAt": row.started_at,
        "finishedAt": row.finished_at,
    }
