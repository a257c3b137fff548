"""The sidebar: what people come for, in the order in which they come for it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from integrations.admin.links import list_of
from integrations.models import (
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

SECTIONS: list[tuple[str, list[tuple[str, str, Any]]]] = [
    (
        "Operate",
        [
            ("Queue", "low_priority", IntegrationObject),
            ("Logs", "article", Log),
            ("Requests", "swap_horiz", RequestLog),
            ("Tasks", "pending_actions", Task),
            ("Files", "draft", File),
            ("E-mails", "mail", Email),
        ],
    ),
    (
        "Set up",
        [
            ("Integrations", "conversion_path", Integration),
            ("App store", "storefront", AppInstallation),
            ("Message automations", "outgoing_mail", MessageAutomation),
            ("Message templates", "edit_note", MessageTemplate),
            ("Schedules", "schedule", PeriodicTask),
        ],
    ),
    (
        "Records",
        [
            ("Transport orders", "local_shipping", TransportOrder),
            ("Events", "event", Event),
            ("Businesses", "apartment", Business),
        ],
    ),
    (
        "People",
        [
            ("Users", "person", User),
            ("Sessions", "devices", Session),
            ("Personal tokens", "password", PersonalToken),
            ("Audit trail", "policy", AuditEntry),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The sections for unfold, each with what this person may see."""
    overview = {"title": "Overview", "icon": "dashboard", "link": reverse("admin:index")}
    found: list[dict[str, Any]] = [{"items": [overview]}]
    for title, items in SECTIONS:
        allowed = [
            {"title": name, "icon": icon, "link": list_of(model)}
            for name, icon, model in items
            if admin.site.get_model_admin(model).has_view_permission(request)
        ]
        if allowed:
            found.append({"title": title, "separator": True, "items": allowed})
    return found
