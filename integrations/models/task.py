"""Task: one piece of long work with progress."""

from django.db import models

from otms.accounts.tenancy import Record


class Kind(models.TextChoices):
    IMPORT = "import"
    REPLAY = "replay"
    PICKUP = "pickup"
    EXPORT = "export"
    SCHEDULED = "scheduled"


class TaskStatus(models.TextChoices):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


class Task(Record):
    """Long or scheduled work of an integration: how much there is, how much is done."""

    integration = models.ForeignKey(
        "integrations.Integration", models.CASCADE, related_name="tasks"
    )
    kind = models.CharField(max_length=20, choices=Kind.choices)
    status = models.CharField(max_length=10, choices=TaskStatus.choices, default=TaskStatus.QUEUED)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    message = models.TextField(blank=True)
    started_by = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["integration", "-created_at"], name="task_of_integration")]

    def __str__(self) -> str:
        return f"{self.kind} {self.status}"
