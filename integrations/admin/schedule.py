"""Schedules: what beat starts. They belong to the deployment, not to a platform."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localtime, now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_celery_beat.admin import CrontabScheduleAdmin as BeatCrontabScheduleAdmin
from django_celery_beat.admin import PeriodicTaskAdmin as BeatPeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm as BeatPeriodicTaskForm
from django_celery_beat.admin import TaskSelectWidget as BeatTaskSelectWidget
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from integrations.core import span
from otms.accounts.list_admin import ListedAdmin

for model in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(model)


class TaskSelectWidget(UnfoldAdminSelectWidget, BeatTaskSelectWidget):
    """The registered tasks, looking like every other choice."""


class PeriodicTaskForm(BeatPeriodicTaskForm):
    class Meta(BeatPeriodicTaskForm.Meta):
        labels = {"regtask": _("Regtask"), "task": _("Task Name")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelectWidget()


class OperatorAdmin(ListedAdmin):
    """One deployment has one beat for all platforms: its operator, a superuser, looks at it here.

    It runs any task, so no page changes it.
    """

    actions = ()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_delete_permission = has_change_permission


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(OperatorAdmin, BeatPeriodicTaskAdmin):
    form = PeriodicTaskForm
    # Beat's own page brings an inline script, to say a crontab in words.
    change_form_template = None
    list_display = ("name", "enabled", "when", "next_run", "last_run", "runs")
    list_select_related = ("interval", "crontab")
    list_filter = ("enabled",)
    list_before_template = "admin/integrations/schedules.html"
    date_hierarchy = None
    fieldsets = (
        (None, {"fields": ("name", "regtask", "task", "enabled", "description")}),
        (_("When"), {"fields": ("interval", "crontab", "start_time", "last_run_at", "one_off")}),
        (_("Arguments"), {"classes": ("collapse",), "fields": ("args", "kwargs")}),
        (
            pgettext_lazy("of a broker", "Message"),
            {
                "classes": ("collapse",),
                "fields": ("expires", "expire_seconds", "queue", "routing_key", "priority"),
            },
        ),
    )
    readonly_fields = ("last_run_at",)

    @display(description=_("When"))
    def when(self, task: PeriodicTask) -> str:
        if task.interval:
            every = task.interval.schedule.run_every.total_seconds()
            return _("every {span}").format(span=span.in_words(every))
        return str(task.crontab.human_readable if task.crontab else task.scheduler)

    @display(description=_("Last run"), ordering="last_run_at")
    def last_run(self, task: PeriodicTask) -> Any:
        return task.last_run_at

    @display(description=_("Runs"), ordering="total_run_count")
    def runs(self, task: PeriodicTask) -> int:
        return task.total_run_count

    @display(description=pgettext_lazy("run", "Next"))
    def next_run(self, task: PeriodicTask) -> str:
        """By when it ran last. One that never ran counts from when beat started, which is not known
        here."""
        if not task.enabled:
            return ""
        if task.last_run_at is None:
            return str(_("not run yet"))
        left = task.schedule.remaining_estimate(task.last_run_at)
        return date_format(localtime(now() + max(left, timedelta())), "DATETIME_FORMAT")


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(OperatorAdmin):
    pass


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(OperatorAdmin, BeatCrontabScheduleAdmin):
    inlines = ()

    @display(description=_("Human readable"))
    def human_readable(self, crontab: CrontabSchedule) -> str:
        return str(crontab.human_readable)
