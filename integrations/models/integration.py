"""Integration: who listens, to what, and how it delivers."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Self
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from integrations import entities
from integrations.core import delivery, filters, mapping, redaction, schedule
from integrations.core.delivery import DeliveryPolicy
from integrations.core.errors import Problem
from integrations.models import version
from integrations.models.gate import Gate
from integrations.models.trouble import Telling
from otms.accounts import audit, difference
from otms.accounts.tenancy import PlatformQuerySet, Record
from otms.db.columns import Columns
from otms.db.fields import DocumentField
from otms.spelling import did_you_mean

ACTIONS = ("created", "updated", "deleted")
TRIGGER_KEYS = ("entity", "actions")
MOST_ENDED = 2_000  # objects, in the transaction that deletes their integration
DEFAULT_TRIGGER = {"entity": "transportOrder", "actions": ["created"]}


class Stale(Exception):
    """The integration was saved or deleted by somebody else since it was read."""


class IntegrationType(models.TextChoices):
    CONFIGURED = "configured", _("Configured")
    MANUAL = "manual", _("Manual")
    FILE_TEMPLATE = "fileTemplate", _("file template")
    MESSAGE_AUTOMATION = "messageAutomation", _("message automation")
    API_ACCESS = "apiAccess", _("API access")


class IntegrationQuerySet(PlatformQuerySet["Integration"]):
    def living(self) -> Self:
        """Those that were not deleted."""
        return self.filter(deleted_at=None)


def _default_trigger() -> dict[str, Any]:
    return dict(DEFAULT_TRIGGER)


class Integration(Record):
    """Who listens: trigger, filters, data sources, schedule and how it delivers.

    Deleting is soft, so that its history can still be read. `version` counts its saved states.
    """

    name = models.CharField(_("name"), max_length=200)
    type = models.CharField(
        _("type"),
        max_length=30,
        choices=IntegrationType.choices,
        default=IntegrationType.CONFIGURED,
    )
    description = models.TextField(_("description"), blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    trigger = DocumentField(default=_default_trigger)
    trigger_entity = models.CharField(max_length=60, editable=False)  # for the look-up in each save
    filters = DocumentField(_("filters"), default=list, blank=True)
    schedule = DocumentField(_("schedule"), null=True, blank=True)
    delivery = DocumentField(_("delivery"), default=dict, blank=True)
    inbound = DocumentField(_("inbound"), null=True, blank=True)
    # Paths of what the logs don't keep.
    redact = DocumentField(_("redact"), default=list, blank=True)
    installation = models.ForeignKey(
        "integrations.AppInstallation",
        models.RESTRICT,
        null=True,
        editable=False,
        related_name="integrations",
    )
    version = models.PositiveIntegerField(default=0, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = IntegrationQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("integration")
        verbose_name_plural = _("integrations")
        indexes = [
            models.Index(fields=["platform", "-created_at", "id"], name="integration_newest"),
            # Every save of an entity asks: who listens?
            models.Index(
                fields=["platform", "trigger_entity"],
                name="integration_listening",
                condition=models.Q(enabled=True, deleted_at=None),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @cached_property
    def policy(self) -> DeliveryPolicy:
        return DeliveryPolicy.of(self.delivery)

    @classmethod
    def listening(cls, platform: UUID, entity: str, using: str) -> list["Integration"]:
        """Those that want to hear of changes of this entity, with what queueing one looks at."""
        return LISTENING.records(using, platform=platform, entity=entity)

    @property
    def keeper(self) -> Any:
        """The record that made it and keeps it as it is; None if a person does."""
        is_message = self.type == IntegrationType.MESSAGE_AUTOMATION
        return (is_message and getattr(self, "message_automation", None)) or self.installation

    @property
    def kept_by(self) -> str:
        """What keeps it as it is, and how to change it there; "" if a person does."""
        return self.keeper.keeps if self.keeper else ""

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the choices made here, field by field."""
        yield from (p.under("trigger") for p in trigger_problems(self.trigger))
        yield from (p.under("filters") for p in filters.check(self.filters))
        yield from (p.under("delivery") for p in delivery.check(self.delivery or {}))
        if self.schedule is not None:
            yield from (p.under("schedule") for p in schedule.check(self.schedule))
        yield from (p.under("inbound") for p in inbound_problems(self.inbound))
        yield from (p.under("redact") for p in redaction.check(self.redact))

    def clean(self) -> None:
        # An empty form is none of it; an empty document of another kind is a mistake.
        self.filters = [] if self.filters in (None, "") else self.filters
        self.delivery = self.delivery or {}
        self.redact = [] if self.redact in (None, "") else self.redact
        raise_problems(self.problems(), self)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save it, unless somebody else did since it was read: that is Stale."""
        self.trigger_entity = self.trigger["entity"]
        self.__dict__.pop("policy", None)
        with transaction.atomic():
            if not self._state.adding and not self._locked().filter(version=self.version):
                raise Stale
            super().save(*args, **kwargs)
            self.new_version()
            Gate.keep(self)
            if self.policy.on_poison != "block":
                self.queue.all().unblock()

    def reopen(self) -> None:
        """Do what saving does when nothing changed: end a pause. Stale, as there."""
        with transaction.atomic():
            if not self._locked().filter(version=self.version):
                raise Stale
            self._resume()

    def _resume(self) -> None:
        """End what the engine or a person stopped; the audit trail says if it was the engine.

        Why it was is told by its alert: what a target answered may hold what is to be erased, and
        what is in the audit trail stays there.
        """
        was = Gate.objects.filter(pk=self.pk).values_list("pause_reason", flat=True).first()
        Gate.keep(self)
        self._calm(Gate.objects.db)
        if was and self.enabled:
            audit.record("update:integration", self, note="Resumed; it was suspended.")

    @transaction.atomic
    def new_version(self) -> None:
        """Tell the workers that what they compiled is old."""
        everywhere = Integration.objects.across_platforms().filter(pk=self.pk)
        everywhere.update(version=models.F("version") + 1)
        self.refresh_from_db(fields=["version"])
        version.keep(self, everywhere.db)
        self._calm(everywhere.db)

    def _calm(self, using: str) -> None:
        """Its targets are tried at once, if some are in trouble."""
        calm = Gate.calm(self)
        Telling(using, self.platform_id, self.pk).gone(calm.gone)
        self.queue.all().go_on(self.pk, calm.before)

    @transaction.atomic
    def switch(self, on: bool) -> bool:
        """Enable it or not, and nothing else of it; False when it was deleted meanwhile."""
        if not self._locked():
            return False
        self.refresh_from_db()
        before = {"enabled": self.enabled}
        if self.enabled == on:
            self._resume()
        self.enabled = on
        self.save(update_fields=["enabled", "updated_at"])
        if changes := difference.changes(before, {"enabled": on}):
            audit.record("update:integration", self, changes)
        return True

    @transaction.atomic
    def retire(self, reason: str = "The integration was deleted.") -> bool:
        """Delete softly: what waits is cancelled with the reason, the history stays.

        False when somebody else did.
        """
        if not self._locked():
            return False
        self.refresh_from_db()
        self.deleted_at = now()
        self.enabled = False
        self.save(update_fields=["deleted_at", "enabled", "updated_at"])
        # Of a long queue the workers cancel the rest, as each comes to its turn.
        ended = self.queue.all().end(reason, most=MOST_ENDED)
        audit.record("delete:integration", self, note=f"{reason} {ended} waiting were cancelled.")
        return True

    def hold(self) -> None:
        """Keep everybody else from changing it until the transaction ends; Stale if it is gone."""
        if not self._locked():
            raise Stale

    def touch(self) -> None:
        """A part of it was changed: who read it before that has a stale copy."""
        Integration.objects.across_platforms().filter(pk=self.pk).update(updated_at=now())

    def _locked(self) -> IntegrationQuerySet:
        """This row, held until the transaction ends; nothing when it was deleted."""
        known = Integration.objects.across_platforms().living().filter(pk=self.pk)
        return known.select_for_update(no_key=True)


# Every save of an entity asks.
LISTENING = Columns(Integration, "id", "platform_id", "trigger", "schedule", "delivery").where(
    "WHERE platform_id = %(platform)s AND trigger_entity = %(entity)s"
    " AND enabled AND deleted_at IS NULL"
)


def trigger_problems(trigger: Any) -> Iterator[Problem]:
    """What is wrong with a trigger: {"entity": "transportOrder", "actions": ["created"]}."""
    if not isinstance(trigger, dict):
        yield Problem(
            "", "not_an_object", 'A trigger is an object: {"entity": ..., "actions": [...]}.'
        )
        return
    for key in trigger:
        if key not in TRIGGER_KEYS:
            text = f"A trigger has `entity` and `actions`.{did_you_mean(key, TRIGGER_KEYS)}"
            yield Problem(key, "unknown_field", text)
    known = entities.known()
    if trigger.get("entity") not in known:
        hint = did_you_mean(trigger.get("entity"), known)
        text = f"There are changes of {', '.join(known)} to listen to; no others.{hint}"
        yield Problem("entity", "unknown_entity", text)
    actions = trigger.get("actions")
    if not isinstance(actions, list) or not actions or any(a not in ACTIONS for a in actions):
        yield Problem("actions", "invalid_choice", f"Write a list of some of {', '.join(ACTIONS)}.")


def inbound_problems(inbound: Any) -> Iterator[Problem]:
    """What is wrong with the mapping of what comes in; it has to make an object."""
    if inbound is None:
        return
    if isinstance(inbound, str | dict):
        yield from mapping.check(inbound)
    else:
        text = 'Write an object of fields and paths, {"name": "$.number"}, or null for none.'
        yield Problem("", "not_an_object", text)


def raise_problems(problems: Iterator[Problem], record: models.Model) -> None:
    """As a ValidationError, each problem at the form field that it is about."""
    names = {field.name for field in record._meta.fields}
    errors: dict[str, list[str]] = {}
    for problem in problems:
        field = problem.field.split(".")[0].split("[")[0]
        where = problem.field.removeprefix(field).lstrip(".")
        text = f"{where}: {problem.message}" if where else problem.message
        errors.setdefault(field if field in names else "__all__", []).append(text)
    if errors:
        raise ValidationError(errors)
