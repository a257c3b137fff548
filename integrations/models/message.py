"""MessageTemplate (what is written) and MessageAutomation (when, and to whom it is sent)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations.core import mapping
from integrations.core.errors import Problem
from integrations.models.integration import Integration, raise_problems
from otms.accounts.tenancy import PlatformQuerySet, Record
from otms.db.fields import DocumentField
from otms.db.models import AtomicModel


class MessageTemplate(Record):
    """Texts with places for values: `Order {{transportOrder.name}} has arrived`."""

    name = models.CharField(_("name"), max_length=200)
    subject = models.CharField(_("subject"), max_length=500)
    body = models.TextField(_("body"))

    class Meta:
        verbose_name = _("message template")
        verbose_name_plural = _("message templates")
        indexes = [models.Index(fields=["platform", "-created_at", "id"], name="template_newest")]

    def __str__(self) -> str:
        return self.name

    @property
    def mapping(self) -> dict[str, Any]:
        """The texts in the mapping language."""
        return {"subject": {"$text": self.subject}, "body": {"$text": self.body}}

    def clean(self) -> None:
        raise_problems(self.problems(), self)

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the texts, each problem at its field."""
        yield from mapping.check(self.mapping)


class MessageAutomation(AtomicModel):
    """Which integration sends which template; name and switch are the integration's own.

    It has the id of its integration, so whoever knows one finds the queue and the logs of it. The
    trigger is kept in the words in which it was given.
    """

    integration = models.OneToOneField(
        Integration, models.CASCADE, primary_key=True, related_name="message_automation"
    )
    platform = models.ForeignKey(
        "accounts.Platform", models.CASCADE, related_name="+", editable=False
    )
    trigger = models.CharField(_("trigger"), max_length=200, blank=True)
    automation_config = DocumentField(null=True, blank=True)
    template = models.ForeignKey(
        MessageTemplate,
        models.PROTECT,
        related_name="automations",
        verbose_name=_("template"),
    )
    recipients = DocumentField(_("recipients"), null=True, blank=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        verbose_name = _("message automation")
        verbose_name_plural = _("message automations")

    def __str__(self) -> str:
        return self.integration.name

    @property
    def keeps(self) -> str:
        """Whoever wants to change its integration is told so."""
        text = gettext(
            "It carries out a message automation and is changed there: with PUT "
            "/api/messageAutomation and the id {id}, or with DELETE."
        )
        return text.format(id=self.pk)

    @property
    def created_at(self) -> datetime:
        return self.integration.created_at

    @property
    def updated_at(self) -> datetime:
        return self.integration.updated_at
