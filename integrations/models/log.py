"""Log (one line of an integration's story) and RequestLog (one exchange with an outside system)."""

import uuid
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from otms.accounts.tenancy import PlatformQuerySet
from otms.db.fields import DocumentField


class Level(models.TextChoices):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Entry(models.Model):
    """A row of a log: written once, never changed."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # Both have an index that begins with them, below.
    platform = models.ForeignKey(
        "accounts.Platform", models.CASCADE, related_name="+", db_index=False
    )
    integration = models.ForeignKey(
        "integrations.Integration",
        models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("integration"),
    )
    object = models.ForeignKey(
        "integrations.IntegrationObject",
        models.CASCADE,
        null=True,
        related_name="%(class)s_entries",
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        abstract = True

    @classmethod
    def newest_of(cls, integration: Any, most: int) -> models.QuerySet[Any, Any]:
        """The ids of an integration's newest rows, for a query that says whose they may be.

        By an index that has nothing else: where it was quiet, others may have written a million.
        """
        every: Any = cls.objects.across_platforms().filter(integration=integration)
        return every.order_by("-id").values("id")[:most]


class Log(Entry):
    """`code` is stable, for programs; `message` is for people."""

    level = models.CharField(_("level"), max_length=10, choices=Level.choices)
    code = models.CharField(_("code"), max_length=60)
    message = models.TextField(_("message"))
    data = DocumentField(null=True)

    class Meta:
        verbose_name = _("log")
        verbose_name_plural = _("logs")
        indexes = [
            models.Index(fields=["integration", "-id"], name="log_of_integration"),
            models.Index(fields=["integration", "level", "-id"], name="log_by_level"),
            models.Index(fields=["platform", "-id"], name="log_of_platform"),
            # Of no object, so that none takes them along when it is forgotten.
            models.Index(
                fields=["created_at"], name="log_of_none", condition=models.Q(object=None)
            ),
        ]

    def __str__(self) -> str:
        return self.message

    @property
    def audit_name(self) -> str:
        """Without its message: what is in the audit trail stays there."""
        return self.code


class RequestLog(Entry):
    """What was sent, what came back, how long it took; secrets masked, bodies cut at 64 KiB."""

    data_source = models.ForeignKey(
        "integrations.DataSource", models.SET_NULL, null=True, related_name="+"
    )
    attempt = models.PositiveIntegerField(_("attempt"))
    method = models.CharField(max_length=10)
    url = models.TextField()
    request_headers = DocumentField(default=dict)
    request_body = models.TextField(blank=True)
    response_status = models.PositiveSmallIntegerField(null=True)
    response_headers = DocumentField(default=dict)
    response_body = models.TextField(blank=True)
    truncated = models.BooleanField(default=False)
    error = models.TextField(blank=True)
    duration_ms = models.FloatField(null=True)
    interrupted = models.BooleanField(default=False)
    test = models.BooleanField(pgettext_lazy("noun", "test"), default=False)

    class Meta:
        verbose_name = _("request log")
        verbose_name_plural = _("request logs")
        indexes = [
            models.Index(fields=["integration", "-id"], name="request_of_integration"),
            models.Index(fields=["platform", "-id"], name="request_of_platform"),
            models.Index(
                fields=["created_at"], name="request_of_none", condition=models.Q(object=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.url}: {self.response_status or self.error}"

    @property
    def audit_name(self) -> str:
        return f"attempt {self.attempt}"
