"""Email: a mail that came in, as it came, and what became of it."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from otms.accounts.tenancy import Record
from otms.db.fields import DocumentField

LONGEST_MESSAGE_ID = 500


class EmailStatus(models.TextChoices):
    """CREATED, an order that nobody has to look at, is kept for mails whose sender is proved."""

    CREATED = "created"
    DRAFT = "draft"
    REVIEW = "review"
    IGNORED = "ignored"


class Verdict(models.TextChoices):
    """How far the sender is who he says; what a caller of the API writes is only said."""

    UNVERIFIED = "unverified", _("Unverified")


class Email(Record):
    """A mail is stored before it is read, and stays when its order is deleted.

    The spans of the fields count characters of `read_text`: of the body, or of the text that its
    HTML shows.
    """

    integration = models.ForeignKey(
        "integrations.Integration",
        models.CASCADE,
        null=True,
        related_name="emails",
        verbose_name=_("integration"),
    )
    sender = models.CharField(max_length=500)  # as it is written: Ann <ann@example.com>
    address = models.CharField(max_length=320)
    recipients = DocumentField(default=list)
    subject = models.CharField(max_length=1000, blank=True)
    body = models.TextField(blank=True)
    text = models.TextField(blank=True)  # of a body that is HTML
    message_id = models.CharField(max_length=LONGEST_MESSAGE_ID, blank=True)
    in_reply_to = models.CharField(max_length=LONGEST_MESSAGE_ID, blank=True)
    received_by = models.CharField(max_length=200, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=EmailStatus.choices, default=EmailStatus.REVIEW
    )
    verdict = models.CharField(max_length=12, choices=Verdict.choices, default=Verdict.UNVERIFIED)
    score = models.DecimalField(max_digits=3, decimal_places=2, default=0)
    fields = DocumentField(default=dict)
    missing = DocumentField(default=list)
    warnings = DocumentField(default=list)
    reply_to = models.ForeignKey("self", models.SET_NULL, null=True, related_name="replies")
    # The order it made or, of a reply, the one it is about.
    transport_order = models.ForeignKey(
        "orders.TransportOrder",
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="+",
    )

    class Meta:
        verbose_name = _("e-mail")
        verbose_name_plural = _("e-mails")
        constraints = [
            models.UniqueConstraint(
                fields=["platform", "message_id"],
                condition=~Q(message_id=""),
                name="one_message_id",
            )
        ]
        indexes = [
            models.Index(fields=["platform", "-created_at", "id"], name="email_newest"),
            models.Index(fields=["platform", "transport_order"], name="email_of_order"),
        ]

    @property
    def audit_name(self) -> str:
        """Without its subject and sender: what is in the audit trail stays there."""
        return f"received {self.created_at:%Y-%m-%d %H:%M}"

    def __str__(self) -> str:
        return self.subject or gettext("mail from {address}").format(address=self.address)

    @property
    def read_text(self) -> str:
        """What was read, and what the spans count in."""
        return self.text or self.body

    def conclude(self, status: str, **found: Any) -> None:
        """Write down what became of it."""
        self.status = status
        for name, value in found.items():
            setattr(self, name, value)
        self.save()
