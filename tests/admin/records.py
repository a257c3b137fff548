"""What has pages in the admin: of each kind, what furnish() makes of it; and where these are."""

from typing import Any

from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from integrations.models import (
    Alert,
    AlertRecipient,
    AppInstallation,
    Email,
    File,
    Integration,
    IntegrationObject,
    Log,
    MessageAutomation,
    MessageTemplate,
    RequestLog,
    Task,
)
from otms.accounts.models import AuditEntry, PersonalToken, Session, User
from otms.orders.models import Business, Event, TransportOrder

RECORDS: dict[Any, str] = {
    User: "user",
    Session: "session",
    PersonalToken: "token",
    AuditEntry: "entry",
    Business: "business",
    TransportOrder: "order",
    Event: "event",
    Integration: "integration",
    AppInstallation: "installation",
    AlertRecipient: "recipient",
    Alert: "alert",
    IntegrationObject: "row",
    Log: "log",
    MessageAutomation: "automation",
    MessageTemplate: "template",
    RequestLog: "request",
    Task: "task",
    File: "file",
    Email: "email",
}
OF_THE_DEPLOYMENT = [PeriodicTask, IntervalSchedule, CrontabSchedule]
FACTS = [AuditEntry, IntegrationObject, Log, RequestLog, Session, PersonalToken, Task, File, Email]


def where(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)
