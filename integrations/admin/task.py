"""Tasks: how far long work is, and which rows of an import were rejected and why."""

from typing import Any

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from integrations.admin.links import link_to, shortened
from integrations.inbound import imports
from integrations.models import ImportRow, Task
from integrations.models.imports import Outcome
from integrations.models.task import TaskStatus
from otms.accounts.platform_admin import FactAdmin, moment

STATUS_COLOURS = {
    TaskStatus.QUEUED: "info",
    TaskStatus.RUNNING: "warning",
    TaskStatus.DONE: "success",
    TaskStatus.FAILED: "danger",
    TaskStatus.STOPPED: "default",
    "PARTLY": "warning",
}
MOST_SHOWN = 100


@admin.register(Task)
class TaskAdmin(FactAdmin):
    noun = "integration:task"
    list_display = ("created", "status_label", "kind", "integration_link", "progress", "started_by")
    list_filter = ("status", "kind", "integration", "created_at")
    list_select_related = ("integration",)
    ordering = ("-created_at", "-id")
    fields = (
        "status",
        "kind",
        "integration_link",
        "progress",
        "message",
        "started_by",
        "created",
        "started",
        "finished",
        "rejected",
    )
    readonly_fields = fields

    @display(description="Status", label=STATUS_COLOURS)
    def status_label(self, task: Task) -> Any:
        is_partly = task.status == TaskStatus.DONE and task.failed
        return "PARTLY" if is_partly else task.status, task.status.lower()

    @display(description="Integration")
    def integration_link(self, task: Task) -> str:
        return link_to(task.integration)

    @display(description="Progress")
    def progress(self, task: Task) -> str:
        words = f"{task.done} of {task.total}"
        if task.failed:
            words += f", {task.failed} rejected"
        return format_html('<span class="whitespace-nowrap">{}</span>', words)

    @display(description="Started")
    def started(self, task: Task) -> str:
        return moment(task.started_at)

    @display(description="Finished")
    def finished(self, task: Task) -> str:
        return moment(task.finished_at)

    @display(description="Rejected rows")
    def rejected(self, task: Task) -> str:
        rows = ImportRow.objects.of(task.platform_id).filter(task=task, outcome=Outcome.REJECTED)
        found = list(rows.defer("row").order_by("position")[: MOST_SHOWN + 1])
        if not found:
            return "none"
        lines = [_told(row) for row in found[:MOST_SHOWN]]
        if len(found) > MOST_SHOWN:
            lines.append("and more; the API lists them all")
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", zip(lines)))


def _told(row: ImportRow) -> str:
    errors, _ = imports.problems_of(row)
    words = "; ".join(f"{each['field']}: {each['message']}" for each in errors)
    return shortened(f"{row.external_id} {words}".strip(), 400)
