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
    def newest_with(cls, integration: Any, stands: models.Q, among: int) -> list[int]:
        """The ids of an integration's newest rows of which this holds, the newest first; so many of
        its rows are looked at, and no more, whatever others wrote since.

        In two steps: from where on is told by an index alone; and to find the rows in no order is
        one way for the database, where for the first few of an order it might read all there are.
        """
        every: Any = cls.objects.across_platforms().filter(integration=integration)
        ids = every.order_by("-id").values_list("id", flat=True)
        if (last := ids[among - 1 : among].first()) is not None:
            every = every.filter(id__gte=last)
        return sorted(every.filter(stands).order_by().values_list("id", flat=True), reverse=True)


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
