"""What an alert says: a mail that is understood at three in the night, and JSON for programs."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from integrations.models import Alert, AlertRecipient
from integrations.models.alert import Kind
from otms.documents import timestamp

# The type of a call, and the beginning of a subject.
TEST = "alert.test"
SUBJECTS = {
    Kind.TROUBLE: "{name}: deliveries{to} fail since {since}",
    Kind.RECOVERED: "{name}: the trouble with deliveries{to} is over",
    Kind.SUSPENDED: "{name} is suspended since {since}: somebody has to act",
}
WHAT_NEXT = {
    Kind.TROUBLE: (
        "Nothing is lost. What waits is kept and tried again by itself; what was refused or given "
        "up can be put back in the queue. You are told once more when it is over."
    ),
    Kind.RECOVERED: (
        "What waited meanwhile is delivered now, slowly at first. Nobody has to do anything."
    ),
    Kind.SUSPENDED: (
        "What is to be delivered is kept. To go on: mend the cause, then save the integration, or "
        "resume it in the list of integrations."
    ),
}
TRIED = (
    "This is a test: somebody wanted to see that alerts arrive here. Nothing is wrong, and nobody "
    "has to do anything."
)


def mail(alert: Alert) -> dict[str, str]:
    """The subject and the body for a person."""
    about = {
        "Integration": alert.integration.name,
        "Delivers to": str(alert.data_source) if alert.data_source else "",
        "Platform": alert.platform.name,
        "Since": _clock(alert.since),
        "Ended": _clock(alert.created_at) if alert.kind == Kind.RECOVERED else "",
        "Look at it": _page(alert),
    }
    facts = "\n".join(f"{name}: {value}" for name, value in about.items() if value)
    kind = Kind(alert.kind)
    subject = SUBJECTS[kind].format(
        name=alert.integration.name,
        to=f" to {alert.data_source}" if alert.data_source else "",
        since=_clock(alert.since),
    )
    parts = (alert.message.strip(), WHAT_NEXT[kind], facts)
    return {"subject": subject, "body": "\n\n".join(filter(None, parts)) + "\n"}


def document(alert: Alert) -> dict[str, Any]:
    """The same for a program; the same at each attempt."""
    source = alert.data_source
    return {
        "type": f"integration.{alert.kind}",
        "timestamp": timestamp(alert.created_at),
        "data": {
            "id": str(alert.pk),
            "integrationId": str(alert.integration_id),
            "integrationName": alert.integration.name,
            "dataSourceId": str(source.pk) if source else None,
            "dataSourceName": str(source) if source else None,
            "message": alert.message,
            "since": timestamp(alert.since),
        },
    }


def tried_mail(recipient: AlertRecipient) -> dict[str, str]:
    """The mail of a test."""
    return {
        "subject": "Test: alerts arrive here",
        "body": f"{TRIED}\n\nPlatform: {recipient.platform.name}\nAlerts of: {_whose(recipient)}\n",
    }


def tried_document(recipient: AlertRecipient, id: str, moment: datetime) -> dict[str, Any]:
    """The body of a test: of a type of its own, and with what an alert has."""
    of = recipient.integration
    return {
        "type": TEST,
        "timestamp": timestamp(moment),
        "data": {
            "id": id,
            "integrationId": str(of.pk) if of else None,
            "integrationName": of.name if of else None,
            "dataSourceId": None,
            "dataSourceName": None,
            "message": TRIED,
            "since": timestamp(moment),
        },
    }


def _whose(recipient: AlertRecipient) -> str:
    return recipient.integration.name if recipient.integration else "all integrations"


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _page(alert: Alert) -> str:
    """Where it is seen in the admin; nothing where nobody said under which address that is."""
    page = reverse("admin:integrations_integration_change", args=[alert.integration_id])
    return f"{settings.OTMS_PUBLIC_URL}{page}" if settings.OTMS_PUBLIC_URL else ""
