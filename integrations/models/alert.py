"""Alert (something that somebody should know), AlertRecipient (who), and Notice (one to another).

What happens writes an alert down, in its own transaction, and nothing else: a worker looks up whom
it is for, and each of them has a notice that is sent, and tried again, by itself.
"""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q

from otms import documents
from otms.accounts.tenancy import PlatformQuerySet, Record
from otms.db.fields import SecretsField

LONGEST_MESSAGE = 2000
LONGEST_URL = 2000
LONGEST_TO = 600


class Kind(models.TextChoices):
    TROUBLE = "trouble", "Trouble"
    RECOVERED = "recovered", "Recovered"
    SUSPENDED = "suspended", "Suspended"


class NoticeOutcome(models.TextChoices):
    """What became of a notice; one that still waits has none."""

    SENT = "sent", "Sent"
    GIVEN_UP = "givenUp", "Given up"
    LEFT_OUT = "leftOut", "Left out"


class AlertQuerySet(PlatformQuerySet["Alert"]):
    def tell(
        self,
        integration_id: Any,
        platform_id: Any,
        kind: str,
        data_source_id: Any,
        message: str,
        since: datetime,
    ) -> "Alert":
        """Write it down, in the transaction of what happened; workers do the rest."""
        return self.create(
            platform_id=platform_id,
            integration_id=integration_id,
            data_source_id=data_source_id,
            kind=kind,
            message=documents.visible(message)[:LONGEST_MESSAGE],
            since=since,
        )


class Alert(Record):
    """Trouble with what an integration delivers to, its end, or that it was suspended.

    The message says it without secrets: who tells has redacted it.
    """

    integration = models.ForeignKey(
        "integrations.Integration", models.CASCADE, related_name="alerts"
    )
    # Without a constraint: that a data source is gone must not take the outcome along that tells.
    data_source = models.ForeignKey(
        "integrations.DataSource",
        models.SET_NULL,
        null=True,
        db_constraint=False,
        related_name="+",
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    message = models.TextField(blank=True)
    since = models.DateTimeField()
    # When it was known for whom it is; until then a worker has still to look.
    addressed_at = models.DateTimeField(null=True, editable=False)

    notices: "models.Manager[Notice]"

    objects = AlertQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        indexes = [
            models.Index(fields=["platform", "-created_at", "id"], name="alert_newest"),
            models.Index(fields=["integration", "-created_at"], name="alert_of_integration"),
            models.Index(fields=["created_at"], name="alert_oldest"),
            models.Index(
                fields=["created_at"], name="alert_to_address", condition=Q(addressed_at=None)
            ),
        ]

    @property
    def audit_name(self) -> str:
        """Without its message: what is in the audit trail stays there."""
        return self.kind

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.integration}"


class AlertRecipient(Record):
    """Who is told of the alerts of a platform, or of one integration: a mailbox, or a webhook."""

    name = models.CharField(max_length=200, blank=True)
    integration = models.ForeignKey(
        "integrations.Integration",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="alert_recipients",
    )
    email = models.CharField(max_length=320, blank=True)
    url = models.CharField(max_length=LONGEST_URL, blank=True)
    secrets = SecretsField(default=dict, blank=True, editable=False)
    enabled = models.BooleanField(default=True)

    class Meta:
        indexes = [models.Index(fields=["platform", "-created_at", "id"], name="recipient_newest")]

    @property
    def audit_name(self) -> str:
        """Without its address: what is in the audit trail stays there."""
        return self.name or ("e-mail" if self.email else "webhook")

    def __str__(self) -> str:
        return f"{self.name} ({self.where})" if self.name else self.where

    @property
    def where(self) -> str:
        """The mailbox, or the host of the webhook: the rest of a URL may be a secret."""
        return self.email or urlsplit(self.url)._replace(path="", query="", fragment="").geturl()


class Notice(models.Model):
    """An alert on its way to one recipient.

    It is due until it has an outcome. While a worker sends it, it is leased: another goes on when
    that one dies.
    """

    platform = models.ForeignKey("accounts.Platform", models.CASCADE, related_name="+")
    alert = models.ForeignKey(Alert, models.CASCADE, related_name="notices")
    integration = models.ForeignKey("integrations.Integration", models.CASCADE, related_name="+")
    recipient = models.ForeignKey(
        AlertRecipient, models.SET_NULL, null=True, related_name="notices"
    )
    to = models.CharField(max_length=LONGEST_TO)  # stays when its recipient is deleted
    outcome = models.CharField(max_length=10, choices=NoticeOutcome.choices, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["alert", "recipient"], name="one_notice_each")
        ]
        indexes = [
            # Workers ask every few seconds: what is there to send?
            models.Index(fields=["recipient", "id"], name="notice_to_send", condition=Q(outcome=""))
        ]

    def __str__(self) -> str:
        return f"{self.to}: {self.outcome or 'waits'}"
