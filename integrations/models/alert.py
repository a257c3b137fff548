"""Alert (something that somebody should know), AlertRecipient (who), and Notice (one to another).

What happens writes an alert down, in its own transaction, and nothing else: a worker looks up whom
it is for, and each of them has a notice that is sent, and tried again, by itself.
"""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import models, transaction
from django.db.models import Exists, F, Min, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from integrations.core.backoff import RetryPolicy
from otms import documents
from otms.accounts.tenancy import PlatformQuerySet, Record
from otms.db.clock import database_now
from otms.db.fields import SecretsField

LONGEST_MESSAGE = 2000
LONGEST_URL = 2000
LONGEST_TO = 600
LEASE = timedelta(seconds=30)  # longer than any notice takes to be sent
RETRIES = RetryPolicy(give_up_after=timedelta(days=1))
MOST_INTERRUPTIONS = 5
MOST_AT_ONCE = 100  # alerts whose recipients are looked up in one transaction


class Kind(models.TextChoices):
    TROUBLE = "trouble", _("Trouble")
    RECOVERED = "recovered", _("Recovered")
    SUSPENDED = "suspended", _("Suspended")


class NoticeOutcome(models.TextChoices):
    """What became of a notice; one that still waits has none."""

    SENT = "sent", _("Sent")
    GIVEN_UP = "givenUp", _("Given up")
    LEFT_OUT = "leftOut", _("Left out")


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
        """Write it down, in the transaction of what happened; workers do the rest.

        `since` is when it began, also where it is told that it ended.
        """
        return self.create(
            platform_id=platform_id,
            integration_id=integration_id,
            data_source_id=data_source_id,
            kind=kind,
            message=documents.visible(message)[:LONGEST_MESSAGE],
            since=since,
        )

    def address(self) -> None:
        """Look up whom the newest alerts are for, and make each of them a notice."""
        new = Alert.objects.using(self.db).across_platforms().filter(addressed_at=None)
        while new.exists():
            with transaction.atomic(using=self.db):
                # Whoever comes second waits: notices are numbered in the order of the alerts.
                alerts = new.order_by("created_at", "id").select_for_update(no_key=True)
                for alert in alerts[:MOST_AT_ONCE]:
                    alert._address(self.db)


class Alert(Record):
    """Trouble with what an integration delivers to, its end, or that it was suspended.

    The message says it without secrets: who tells has redacted it.
    """

    integration = models.ForeignKey(
        "integrations.Integration",
        models.CASCADE,
        related_name="alerts",
        verbose_name=_("integration"),
    )
    # Without a constraint: that a data source is gone must not take the outcome along that tells.
    data_source = models.ForeignKey(
        "integrations.DataSource",
        models.SET_NULL,
        null=True,
        db_constraint=False,
        related_name="+",
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    message = models.TextField(_("message"), blank=True)
    since = models.DateTimeField()
    # When it was known for whom it is; until then a worker has still to look.
    addressed_at = models.DateTimeField(null=True, editable=False)

    notices: "models.Manager[Notice]"

    objects = AlertQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
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

    @property
    def in_order(self) -> "list[Notice]":
        """Its notices as they were made, without a query where they were fetched before."""
        return sorted(self.notices.all(), key=lambda each: each.pk)

    def _address(self, using: str) -> None:
        """One notice for each recipient; for a mailbox that is named twice one."""
        every = AlertRecipient.objects.using(using).of(self.platform_id).filter(enabled=True)
        mine = every.filter(Q(integration=None) | Q(integration=self.integration_id))
        now = database_now(using)
        found = {each.email.lower() or each.pk: each for each in mine.order_by("created_at", "id")}
        Notice.objects.using(using).bulk_create(
            Notice(
                platform_id=self.platform_id,
                alert=self,
                integration_id=self.integration_id,
                recipient=each,
                to=str(each)[:LONGEST_TO],
                due_at=now,
            )
            for each in found.values()
        )
        self.addressed_at = now
        self.save(using=using, update_fields=["addressed_at", "updated_at"])


class AlertRecipient(Record):
    """Who is told of the alerts of a platform, or of one integration: a mailbox, or a webhook."""

    name = models.CharField(_("name"), max_length=200, blank=True)
    integration = models.ForeignKey(
        "integrations.Integration",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="alert_recipients",
        verbose_name=_("integration"),
    )
    email = models.CharField(max_length=320, blank=True)
    url = models.CharField(max_length=LONGEST_URL, blank=True)
    secrets = SecretsField(default=dict, blank=True, editable=False)
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("alert recipient")
        verbose_name_plural = _("alert recipients")
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


class NoticeQuerySet(PlatformQuerySet["Notice"]):
    def waiting(self) -> "NoticeQuerySet":
        """Those that have still to be sent."""
        return self.filter(outcome="")

    def claim(self, most: int) -> list["Notice"]:
        """Lease up to so many that are due, one of each recipient: who hangs holds up no other.

        Of an integration a recipient hears in order: not that it ended before that it began.
        """
        now = database_now(self.db)
        waiting = Notice.objects.using(self.db).across_platforms().waiting()
        free = Q(leased_until=None) | Q(leased_until__lte=now)
        nobody = waiting.filter(free, Q(recipient=None) | Q(recipient__enabled=False))
        if nobody.exists():
            text = "The recipient was deleted or switched off before it was sent."
            nobody.update(outcome=NoticeOutcome.LEFT_OUT, error=text, finished_at=now)
        same = waiting.filter(recipient=OuterRef("recipient"))
        earlier = same.filter(integration=OuterRef("integration"), pk__lt=OuterRef("pk"))
        due = waiting.filter(free, ~Exists(earlier), due_at__lte=now)
        idle = due.filter(~Exists(same.filter(leased_until__gt=now)))
        longest = idle.values("recipient").annotate(first=Min("due_at")).order_by("first")
        found = (
            self._lease(due.filter(recipient=each), now)
            for each in list(longest.values_list("recipient", flat=True)[:most])
        )
        return [each for each in found if each]

    def _lease(self, due: "NoticeQuerySet", now: datetime) -> "Notice | None":
        """The first of these that no other worker takes at this moment."""
        with transaction.atomic(using=self.db):
            first = due.order_by("due_at", "pk").select_for_update(skip_locked=True, no_key=True)
            notice = first.first()
            if notice is None:
                return None
            mine = Notice.objects.using(self.db).across_platforms().filter(pk=notice.pk)
            mine.update(leased_until=now + LEASE, attempts=F("attempts") + 1)
            about = ("recipient", "alert__platform", "alert__integration", "alert__data_source")
            leased = mine.select_related(*about).get()
            leased.was_interrupted = notice.leased_until is not None
            return leased


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

    objects = NoticeQuerySet.as_manager()

    was_interrupted = False  # before it was leased now; claim()

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

    @property
    def interruptions(self) -> int:
        """How many attempts had no outcome, if none had any: else an error stands here."""
        return 0 if self.error else self.attempts - 1

    @property
    def brings_workers_down(self) -> bool:
        """Did it stop its worker too often, or still after a day?"""
        if self.interruptions >= MOST_INTERRUPTIONS:
            return True
        return self.was_interrupted and self._wait(None) is None

    def succeed(self) -> bool:
        """It was sent; False when somebody else claimed it meanwhile."""
        return self._write(
            outcome=NoticeOutcome.SENT, error="", finished_at=database_now("default")
        )

    def fail(self, error: str, retry_after: float | None = None, *, for_good: bool = False) -> bool:
        """It was not sent: it is tried again later, or given up after a day, or at once."""
        now, error = database_now("default"), documents.visible(error)
        wait = None if for_good else self._wait(retry_after)
        if wait is None:
            return self._write(outcome=NoticeOutcome.GIVEN_UP, error=error, finished_at=now)
        return self._write(error=error, due_at=now + timedelta(seconds=wait))

    def _wait(self, retry_after: float | None) -> float | None:
        """Seconds to the next attempt; None when its day is over."""
        elapsed = max(database_now("default") - self.created_at, timedelta())
        return RETRIES.delay(self.attempts, retry_after=retry_after, elapsed=elapsed)

    def _write(self, **fields: Any) -> bool:
        """Only while its claim still stands."""
        mine = Notice.objects.of(self.platform_id).waiting()
        changes = {**fields, "leased_until": None}
        if not mine.filter(pk=self.pk, attempts=self.attempts).update(**changes):
            return False
        for name, value in changes.items():
            setattr(self, name, value)
        return True
