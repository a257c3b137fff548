"""The sidebar: what people come for, in the order in which they come for it."""

from typing import Any, NamedTuple

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from integrations import privacy
from integrations.admin.links import list_of
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
from otms.accounts.asking import allowed
from otms.accounts.models import AuditEntry, PersonalToken, Session, User
from otms.orders.models import Business, Event, TransportOrder


class Page(NamedTuple):
    """A page that is no list of records: its name, and what it takes."""

    name: str
    takes: str


SECTIONS: list[tuple[Any, list[tuple[Any, str, Any]]]] = [
    (
        _("Operate"),
        [
            (
                _("Where is it?"),
                "search",
                Page("integrations_integrationobject_where", "get:integration:object"),
            ),
            (_("Queue"), "low_priority", IntegrationObject),
            (_("Alerts"), "notifications", Alert),
            (_("Logs"), "article", Log),
            (_("Request logs"), "swap_horiz", RequestLog),
            (_("Tasks"), "pending_actions", Task),
            (_("Files"), "draft", File),
            (_("E-mails"), "mail", Email),
        ],
    ),
    (
        _("Set up"),
        [
            (_("Integrations"), "conversion_path", Integration),
            (_("App store"), "storefront", AppInstallation),
            (_("Message automations"), "outgoing_mail", MessageAutomation),
            (_("Message templates"), "edit_note", MessageTemplate),
            (_("Alert recipients"), "contact_emergency", AlertRecipient),
            (_("Schedules"), "schedule", PeriodicTask),
            (_("HTTP API"), "api", "/api/docs"),
        ],
    ),
    (
        _("Records"),
        [
            (_("Transport orders"), "local_shipping", TransportOrder),
            (_("Events"), "event", Event),
            (_("Businesses"), "apartment", Business),
        ],
    ),
    (
        _("People"),
        [
            (_("Users"), "person", User),
            (_("Sessions"), "devices", Session),
            (_("Personal tokens"), "password", PersonalToken),
            (_("Audit trail"), "policy", AuditEntry),
            (
                _("Erase personal data"),
                "ink_eraser",
                Page("integrations_task_erase", privacy.ACTION),
            ),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The sections for unfold, each with what this person may see."""
    overview = {"title": _("Overview"), "icon": "dashboard", "link": reverse("admin:index")}
    found: list[dict[str, Any]] = [{"items": [overview]}]
    for title, items in SECTIONS:
        shown = [
            {"title": name, "icon": icon, "link": link}
            for name, icon, what in items
            if (link := _link(request, what))
        ]
        if shown:
            found.append({"title": title, "separator": True, "items": shown})
    return found


def _link(request: HttpRequest, what: Any) -> str:
    """The address of a list or a page; nothing for who may not see it."""
    if isinstance(what, str):  # for everybody who is logged in
        return what
    if isinstance(what, Page):
        return reverse(f"admin:{what.name}") if allowed(request, what.takes) else ""
    seen = admin.site.get_model_admin(what).has_view_permission(request)
    return list_of(what) if seen else ""
