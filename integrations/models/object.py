"""IntegrationObject: one change for one integration, and what a worker may say of it."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from integrations.core import schedule, span
from integrations.core.backoff import RetryPolicy
from integrations.core.chance import random_id
from integrations.core.delivery import DeliveryPolicy
from integrations.models.change import EntityChange
from integrations.models.data_source import DataSource
from integrations.models.integration import Integration
from integrations.models.log import Level, Log
from integrations.models.outcome import Outcome
from integrations.models.queue import IntegrationObjectQuerySet
from integrations.models.status import Status, finished
from otms.db.fields import DocumentField


class IntegrationObject(models.Model):
    """One EntityChange queued for one Integration: the durable queue row.

    `id` is the sequence a receiver sees (drawn while the entity is locked); `uuid` is the id on the
    wire and the webhook-id, the same on every attempt.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # Each index is written anew with each transition: none of what another one begins with.
    platform = models.ForeignKey(
        "accounts.Platform", models.CASCADE, related_name="+", db_index=False
    )
    integration = models.ForeignKey(
        Integration,
        models.CASCADE,
        related_name="queue",
        db_index=False,
        verbose_name=_("integration"),
    )
    change = models.ForeignKey(EntityChange, models.CASCADE, related_name="queue")
    # The first of the changes it stands for, when it replaced others.
    since = models.ForeignKey(
        EntityChange, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    replay_of = models.ForeignKey(
        "self", models.SET_NULL, null=True, related_name="replays", db_index=False
    )
    entity = models.CharField(max_length=60)
    entity_id = models.UUIDField()
    reference = models.CharField(max_length=255, blank=True)

    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.QUEUE
    )
    lane = models.CharField(max_length=100, null=True)  # noqa: DJ001 - null: no order to keep
    holds_lane = models.BooleanField(default=False)
    due_at = models.DateTimeField(null=True)
    leased = models.BooleanField(default=False)
    # Of what is not leased: when it was put off, because others of its lane go before it.
    claimed_at = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    # Claims in a row, the last ones, that ended without an outcome.
    interruptions = models.PositiveSmallIntegerField(default=0)
    # How many steps are done, and which data sources those were: null in rows from before that, and
    # until the first is done; none in what was made anew or put back, of which something was sent.
    step = models.PositiveSmallIntegerField(default=0)
    done = DocumentField(null=True)
    # Where it stands: other steps may have been put before it, or taken away, since. Null before
    # the first call, unless it waits for the target that this would go to.
    at_source = models.UUIDField(null=True)
    # Of the integration, whose filters and mappings it began with: a retry sends the same.
    version = models.PositiveIntegerField(null=True)
    answers = DocumentField(null=True)  # of the steps that enrich, by name
    reason = models.TextField(blank=True)
    error = models.TextField(blank=True)
    external_id = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    # Its time for retries counts from here: the first attempt, not what it waited before.
    queued_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = IntegrationObjectQuerySet.as_manager()

    # What its targets call the record, by the name of the data source and by its id; recall().
    remote: dict[str, str] = {}
    remote_ids: dict[Any, str] = {}

    # Of its integration, when it was claimed.
    newest_version: int | None = None

    # Targets of its integration that may not be called now, and until when; claim_due().
    shut: dict[Any, datetime] = {}

    # What a log line of the server calls it, if that is not its reference.
    told_as: str | None = None

    class Meta:
        verbose_name = _("integration object")
        verbose_name_plural = _("queue")
        indexes = [
            # Claims read these three; they hold only rows that wait, so history costs nothing.
            models.Index(
                fields=["integration", "due_at", "id"],
                name="queue_due",
                condition=Q(due_at__isnull=False),
            ),
            models.Index(
                fields=["integration", "lane", "id"],
                name="queue_lane",
                condition=Q(holds_lane=True),
            ),
            models.Index(fields=["integration"], name="queue_leased", condition=Q(leased=True)),
            # Deleting a change asks who stands for it.
            models.Index(fields=["since"], name="queue_since", condition=Q(since__isnull=False)),
            models.Index(
                fields=["replay_of"], name="queue_replays", condition=Q(replay_of__isnull=False)
            ),
            # The monitoring lists and the search read these.
            models.Index(fields=["integration", "-id"], name="queue_newest"),
            models.Index(fields=["integration", "status", "-id"], name="queue_by_status"),
            models.Index(fields=["platform", "-id"], name="queue_of_platform"),
            models.Index(fields=["platform", "entity_id", "-id"], name="queue_of_entity"),
            models.Index(fields=["platform", "reference", "-id"], name="queue_by_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} ({self.status})"

    @property
    def audit_name(self) -> str:
        """Without its reference, which may be a person's name."""
        return f"{self.entity} {str(self.entity_id)[:8]}"

    def has_done(self, source: DataSource) -> bool:
        """Is this step of it done, whatever its place is now?"""
        return str(source.pk) in (self.done or ())

    @property
    def lease(self) -> timedelta:
        """How long this claim was given; only of a leased object."""
        assert self.due_at  # noqa: S101 - for the type checker: a lease has both ends
        assert self.claimed_at  # noqa: S101
        return self.due_at - self.claimed_at

    @cached_property
    def whole(self) -> EntityChange:
        """Its change, together with those that it replaced; compared once, for it never changes."""
        return self.change.since(self.since) if self.since else self.change

    @property
    def document(self) -> dict[str, Any]:
        """What mappings see: the change, what steps before this one were answered, and the ids
        that its targets know the record by."""
        more = {"steps": self.answers, "remote": self.remote}
        return {**self.whole.document, **{name: said for name, said in more.items() if said}}

    def first_due(self, now: datetime) -> Any:
        """At the integration's next tick, or at once; when it waits for newer ones, after that."""
        due = self.own_due(now, (self.since or self.change).created_at)
        return due if due > now else Now()

    def own_due(self, since: datetime | None = None, changed: datetime | None = None) -> datetime:
        """When it would be due if nothing stood before it: at a tick, after a wait for others."""
        since, changed = since or self.queued_at, changed or self.created_at
        ticks, seconds = self.integration.schedule, self.integration.policy.coalesce
        ticks = None if self.at_source else ticks  # it left at one
        due = schedule.next_tick(ticks, since) if ticks else since
        if seconds and not self.attempts:
            due = max(due, changed + timedelta(seconds=seconds))
        return due

    def take_the_place_of(self, old: "IntegrationObject", now: datetime) -> None:
        """Be due no later than what it replaces, or a record that never rests would never leave."""
        due = self.due_at if isinstance(self.due_at, datetime) else now
        if old.due_at and old.due_at < due:
            self.due_at = old.due_at

    def go_round_no_more(self) -> None:
        """End it before it is queued: what our own deliveries cause would go round for ever."""
        for name, value in finished(Status.SKIPPED).items():
            setattr(self, name, value)
        self.reason = (
            f"This change is the work of {self.change.hops} deliveries of ours, each the cause of "
            "the next: it is not sent on, or it would go round for ever."
        )

    def replayed(
        self, now: EntityChange | None = None, *, as_it_began: bool = False
    ) -> "IntegrationObject":
        """A new object that tells the same, or the record as it is now: under a new id, all anew.

        It is as if it had been tried: older than what comes after it, a newer change neither
        replaces it nor is told by it.
        """
        in_order = self.integration.policy.ordering == "perEntity"
        return IntegrationObject(
            platform_id=self.platform_id,
            integration=self.integration,
            change=now or self.change,
            since=None if now else self.since,
            replay_of=self,
            entity=self.entity,
            entity_id=self.entity_id,
            reference=now.reference if now else self.reference,
            lane=str(self.entity_id) if in_order else None,
            holds_lane=in_order,
            done=[],
            version=self.version if as_it_began else None,
        )

    def line(self, level: Level, code: str, message: str, data: Any = None) -> Log:
        """A log line about this object."""
        return Log(
            uuid=random_id(),
            platform_id=self.platform_id,
            integration_id=self.integration_id,
            object_id=self.pk,
            level=level,
            code=code,
            message=message,
            data=data,
        )

    # What a worker may say about an object it leases.

    def succeed(
        self,
        message: str,
        *,
        then: DataSource | None = None,
        level: Level = Level.INFO,
        **extra: Any,
    ) -> Outcome:
        """Delivered; if there is a next step, it is due now."""
        if then:
            changes = {
                "status": Status.QUEUE,
                "step": self.step + 1,
                "at_source": then.pk,
                "attempts": 0,
                "due_at": None,
            }
            return Outcome(self, changes, level, "step_delivered", message, wait=0, **extra)
        changes = {**finished(Status.SUCCESS), "error": "", "reason": "", "answers": None}
        return Outcome(self, changes, level, "delivered", message, **extra)

    def fail(
        self,
        code: str,
        error: str,
        policy: DeliveryPolicy,
        *,
        permanent: bool,
        retry_after: float | None = None,
        **extra: Any,
    ) -> Outcome:
        """Try again later, unless the error is permanent or the budget in time is spent."""
        changes: dict[str, Any]
        wait = None if permanent else self._wait(policy.retry, retry_after)
        if wait is not None:
            changes = {"status": Status.RETRY, "error": error}
            message = f"{error} Attempt {self.attempts}; the next one in {span.in_words(wait)}."
            return Outcome(
                self, changes, Level.WARNING, "retry_scheduled", message, wait=wait, **extra
            )
        if not permanent:
            error = (
                f"{error} Given up after {self.attempts} attempts: the time for retries is over."
            )
        if policy.on_poison == "skip":
            changes = {**finished(Status.SKIPPED), "error": error, "reason": f"Skipped: {error}"}
        else:
            held = policy.on_poison == "block" and self.lane is not None
            changes = {**finished(Status.ERROR), "error": error, "holds_lane": held}
        return Outcome(self, changes, Level.ERROR, code, error, **extra)

    def skip(self, code: str, reason: str, data: Any = None) -> Outcome:
        """Nothing is sent, and this is why."""
        changes = {**finished(Status.SKIPPED), "reason": reason}
        return Outcome(self, changes, Level.INFO, code, reason, data)

    def drop(self, reason: str) -> Outcome:
        """Nobody wants it any more."""
        changes = {**finished(Status.CANCELLED), "reason": reason}
        return Outcome(self, changes, Level.INFO, "cancelled", reason)

    def release(self, reason: str) -> Outcome:
        """Give the lease back; the attempt was not made and is not charged."""
        changes = {
            "status": self.status,
            "attempts": self.attempts - 1,
            "interruptions": self.interruptions,  # it is as suspect as it was
        }
        return Outcome(self, changes, Level.DEBUG, "released", reason, wait=0)

    def stand_by(self, source: DataSource, until: datetime) -> Outcome:
        """Its target is held back: the lease is given back, and it waits where it will go on."""
        outcome = self.release(f"{source} is in trouble; it is not called now.")
        outcome.changes |= {"at_source": source.pk, "due_at": until}
        if self.is_untried:
            outcome.changes["version"] = None  # nothing was sent that a retry had to repeat
        return replace(outcome, wait=None)

    @property
    def is_untried(self) -> bool:
        """Was nothing of it ever sent, before this claim?"""
        return self.attempts == 1 and not self.step and self.done is None

    @property
    def interrupted(self) -> bool:
        """Did the claim before this one end without an outcome?"""
        return self.interruptions > 0

    def is_given_up(self, policy: DeliveryPolicy) -> bool:
        """Is the time for retries over?"""
        return self._wait(policy.retry, None) is None

    def _wait(self, retry: RetryPolicy, retry_after: float | None) -> float | None:
        elapsed = datetime.now(UTC) - self.queued_at
        return retry.delay(self.attempts, retry_after=retry_after, elapsed=elapsed)
