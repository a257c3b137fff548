"""What is done on pages is in the audit trail, and History reads it there.

Django's own log of the admin is not written: it would be a second one, that knows less.
"""

import json
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import (
    HttpRequest,
    HttpResponse,
)
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext, override

from otms.accounts import actor, audit, difference
from otms.accounts.list_admin import ListedAdmin
from otms.accounts.zone import moment

NEWEST = 100  # entries that a History shows


class TrailAdmin(ListedAdmin):
    """Pages of records that leave a trail."""

    # Do the verbs that save these records write the trail themselves?
    keeps_trail = False

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        self._write_down("create", obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        self._write_down("update", obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        for record in queryset:
            self._write_down("delete", record, "")

    def _write_down(self, verb: str, record: Any, message: Any) -> None:
        """Which fields: what stood in them, the queue has, and a person may want it erased."""
        if not self.keeps_trail:
            note = _fields(message) if verb == "update" and message else ""
            audit.record(f"{verb}:{audit.kind(type(record))}", record, note=note)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What the audit trail says of one record."""
        record = self.get_object(request, unquote(object_id))
        if record is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_or_change_permission(request, record):
            raise PermissionDenied
        trail = audit.AuditEntry.objects.of(request.user.platform)  # type: ignore[union-attr]
        found = list(trail.about(record)[: NEWEST + 1])
        everything = reverse("admin:accounts_auditentry_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("History of {record}").format(record=record),
            "subtitle": None,
            "opts": self.opts,
            "original": record,
            "entries": [
                {
                    "at": moment(each.created_at),
                    "who": who(each),
                    "means": each.means if each.actor_kind == actor.PERSON else "",
                    "action": each.action,
                    "note": each.note,
                    "rows": difference.rows(each.changes),
                }
                for each in found[:NEWEST]
            ],
            "more": f"{everything}?q={found[0].entity_id}" if len(found) > NEWEST else "",
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/history.html", context)


def _fields(message: Any) -> str:
    """Which fields were changed, in words, without what the parts of the record are called."""
    for each in message if isinstance(message, list) else []:
        for part in each.values():
            if "object" in part:
                part["object"] = ""
    # Whoever reads it may read another language than who made it.
    with override("en"):
        text = LogEntry(change_message=json.dumps(message)).get_change_message()
    return text.replace(" “”", "")


def who(entry: audit.AuditEntry) -> str:
    """Who it was, in words."""
    match entry.actor_kind:
        case actor.PERSON:
            return str(entry.actor_name)
        case actor.COMMAND:
            if entry.means:
                text = gettext("the command {name} by {person}")
                return text.format(name=entry.actor_name, person=entry.means)
            return gettext("the command {name}").format(name=entry.actor_name)
        case actor.SYSTEM:
            return gettext("the system")
        case actor.NOBODY:
            return gettext("somebody not logged in")
        case actor.APP:
            return gettext("the app {name}").format(name=entry.actor_name)
    return gettext("the integration {name}").format(name=entry.actor_name)
