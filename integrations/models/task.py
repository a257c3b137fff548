"""Task: one piece of long work with progress.

    -                -> QUEUED    a new one
    QUEUED, RUNNING  -> RUNNING   claim(): leased to one worker, also when a lease is over
    RUNNING          -> the same  progress() keeps the lease, let_go() gives it back
    QUEUED           -> RUNNING   progress(), by who was at it when it was stopped and resumed
    RUNNING          -> DONE      finish()
    QUEUED, RUNNING  -> STOPPED   stop(), by a person; finish(), when its integration was deleted
    STOPPED, FAILED  -> QUEUED    resume(): it goes on where it was
    QUEUED, RUNNING  -> FAILED    finish(), when nobody can go on with it

The lease is only thrift: two workers at one task would do nothing twice, because what is done is
written down with each piece of it.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Optional

from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from otms.accounts import audit
from otms.accounts.tenancy import PlatformQuerySet, Record
from otms.db.clock import database_now

if TYPE_CHECKING:
    from integrations.models.imports import ImportRow

LEASE = timedelta(seconds=10)


class Kind(models.TextChoices):
    IMPORT = "import", _("Import")
    REPLAY = "replay", _("Replay")
    PICKUP = "pickup", _("Pickup")
    EXPORT = "export", _("Export")
    SCHEDULED = "scheduled", _("Scheduled")
    ERASE = "erase", _("Erase")


class TaskStatus(models.TextChoices):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


OPEN = (TaskStatus.QUEUED, TaskStatus.RUNNING)
# What is left as it is at any moment, and gone on with at any later one.
STOPPABLE = (Kind.IMPORT, Kind.REPLAY)
RESUMABLE = (TaskStatus.STOPPED, TaskStatus.FAILED)


class TaskQuerySet(PlatformQuerySet["Task"]):
    def claim(self, kind: str) -> Optional["Task"]:
        """Lease the task of this kind that was looked after longest ago; None if there is none."""
        everywhere = Task.objects.using(self.db).across_platforms()
        now = database_now(self.db)
        free = Q(leased_until=None) | Q(leased_until__lt=now)
        # What an integration does rests while it is switched off; one that is gone ends.
        awake = (
            Q(integration=None)
            | Q(integration__enabled=True)
            | Q(integration__deleted_at__isnull=False)
        )
        due = everywhere.filter(free, kind=kind, status__in=OPEN)
        waiting = due.filter(awake).order_by("updated_at", "id")
        for id in waiting.values_list("pk", flat=True)[:10]:
            if due.filter(pk=id).update(
                status=TaskStatus.RUNNING,
                message="",
                started_at=Coalesce("started_at", now),
                leased_until=now + LEASE,
                updated_at=now,
            ):
                return everywhere.select_related("integration__platform").get(pk=id)
        return None


class Task(Record):
    """Long or scheduled work: how much there is, how much is done.

    It is an integration's, or the platform's own, such as an erasure.
    """

    integration = models.ForeignKey(
        "integrations.Integration",
        models.CASCADE,
        related_name="tasks",
        null=True,
        verbose_name=_("integration"),
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    status = models.CharField(
        _("status"), max_length=10, choices=TaskStatus.choices, default=TaskStatus.QUEUED
    )
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    message = models.TextField(blank=True)
    started_by = models.CharField(_("started by"), max_length=200, blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True, editable=False)
    # Of the call that started it: who carries it out has no call to look at. Also a web server of
    # the version before starts tasks, while it is upgraded.
    hops = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)

    rows: "models.Manager[ImportRow]"

    objects = TaskQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        indexes = [
            models.Index(fields=["integration", "-created_at"], name="task_of_integration"),
            # Workers ask every few seconds: what is there to do?
            models.Index(
                fields=["kind", "updated_at"],
                name="task_to_do",
                condition=Q(status__in=["QUEUED", "RUNNING"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status}"

    def begin(self) -> None:
        """Do it here and now; nobody else has to look after it, unless this process dies."""
        now = database_now("default")
        self._write(status=TaskStatus.RUNNING, started_at=now, leased_until=now + LEASE)

    def progress(self, done: int, failed: int) -> bool:
        """Tell how far it is and keep the lease; False when somebody finished it meanwhile."""
        until = database_now("default") + LEASE
        running = TaskStatus.RUNNING  # also when it was stopped and resumed in the meantime
        return self._write(status=running, done=done, failed=failed, leased_until=until)

    def let_go(self, message: str = "", *, seconds: float = 0) -> None:
        """Whoever comes next may go on, some seconds later; the message says what it waits for."""
        until = database_now("default") + timedelta(seconds=seconds) if seconds else None
        self._write(leased_until=until, message=message)

    @property
    def may_stop(self) -> bool:
        return self.kind in STOPPABLE and self.status in OPEN

    @property
    def may_resume(self) -> bool:
        deleted = self.integration is None or self.integration.deleted_at is not None
        return self.kind in STOPPABLE and self.status in RESUMABLE and not deleted

    @transaction.atomic
    def stop(self, by: str) -> bool:
        """Do no more of it, until it is resumed; False when there is nothing to stop."""
        text = f"Stopped by {by}: resumed, it goes on where it was."
        stopped = self.may_stop and self._write(
            status=TaskStatus.STOPPED,
            message=text,
            finished_at=database_now("default"),
            leased_until=None,
        )
        if stopped:
            audit.record("stop:integration:task", self)
        return stopped

    @transaction.atomic
    def resume(self) -> bool:
        """Go on where it was stopped, or where it failed; False when it can't."""
        resumed = self.may_resume and self._write_to(
            RESUMABLE,
            status=TaskStatus.QUEUED,
            message="",
            finished_at=None,
            leased_until=None,
        )
        if resumed:
            audit.record("resume:integration:task", self)
        return resumed

    def finish(
        self,
        done: int,
        failed: int,
        message: str,
        *,
        status: TaskStatus = TaskStatus.DONE,
        total: int | None = None,
    ) -> bool:
        """Nothing more will be done; False when somebody else said so."""
        return self._write(
            status=status,
            total=self.total if total is None else total,
            done=done,
            failed=failed,
            message=message,
            finished_at=database_now("default"),
            leased_until=None,
        )

    def _write(self, **fields: Any) -> bool:
        return self._write_to(OPEN, **fields)

    def _write_to(self, statuses: tuple[TaskStatus, ...], **fields: Any) -> bool:
        same = Task.objects.across_platforms().filter(pk=self.pk, status__in=statuses)
        if not same.update(**fields, updated_at=database_now("default")):
            return False
        for name, value in fields.items():
            setattr(self, name, value)
        return True
