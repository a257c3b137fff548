"""DataSource: one step of what an integration does, and what makes it a success."""

from collections.abc import Iterator
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from integrations import connectors
from integrations.core import filters, mapping, paths
from integrations.core.errors import Problem
from integrations.models.integration import Integration, raise_problems
from otms.accounts.tenancy import Record
from otms.db.fields import DocumentField, SecretsField
from otms.spelling import did_you_mean

SUCCESS_KEYS = ("status", "body")


class Use(models.TextChoices):
    DELIVER = "deliver", _("Deliver")
    ENRICH = "enrich", _("Enrich: its answer is at $.steps.<name> for the steps behind it")


class DataSource(Record):
    """One ordered step: a mapping plus a connector that delivers what it makes.

    Or that asks: the answer to an enriching step is there for the mappings of the steps behind it.
    """

    integration = models.ForeignKey(Integration, models.CASCADE, related_name="data_sources")
    position = models.PositiveIntegerField(default=0)
    name = models.CharField(_("name"), max_length=200, blank=True)
    use = models.CharField(
        pgettext_lazy("noun", "use"), max_length=10, choices=Use.choices, default=Use.DELIVER
    )
    connector = models.CharField(_("connector"), max_length=60, default="webhook")
    settings = DocumentField(default=dict, blank=True)
    secrets = SecretsField(default=dict, blank=True, editable=False)
    # Of this step alone: where they say no it is left out, and the others are not.
    filters = DocumentField(_("filters"), null=True, blank=True)
    mapping = DocumentField(_("mapping"), null=True, blank=True)
    success = DocumentField(_("success"), null=True, blank=True)
    # Where the answer says what the target calls the record, which its next change then updates.
    remember = models.CharField(
        _("remember"), max_length=paths.LONGEST, blank=True, db_default="", default=""
    )

    class Meta:
        verbose_name = _("data source")
        verbose_name_plural = _("data sources")
        ordering = ["position", "created_at", "id"]

    def __str__(self) -> str:
        return self.name or self.connector

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            super().save(*args, **kwargs)
            self.integration.new_version()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            gone = super().delete(*args, **kwargs)
            self.integration.new_version()
            return gone

    @property
    def signs(self) -> bool:
        """Does its connector sign what it sends, given a secret?"""
        known = self.connector in connectors.known()
        return known and "previousSecret" in connectors.load(self.connector).secret_names()

    def problems(self) -> Iterator[Problem]:
        """What is wrong with this step, field by field."""
        if self.connector not in connectors.known():
            known = f"there are: {', '.join(connectors.known())}."
            text = f"There is no connector {self.connector!r}; {known}"
            yield Problem("connector", "unknown_connector", text)
        elif (
            self.secrets.are_readable
        ):  # else its settings stay as they were when they were checked
            found = connectors.load(self.connector).problems(self.settings or {}, self.secrets)
            yield from (problem.under("settings") for problem in found)
        yield from (problem.under("filters") for problem in filters.check(self.filters))
        yield from (problem.under("mapping") for problem in self._mapping_problems())
        yield from (problem.under("success") for problem in success_problems(self.success))
        yield from (problem.under("remember") for problem in self._remember_problems())

    def _mapping_problems(self) -> Iterator[Problem]:
        found = list(mapping.check(self.mapping)) if self.mapping is not None else []
        yield from found
        if not found and self.connector in connectors.known():
            connector = connectors.load(self.connector)
            yield from connector.mapping_problems(self.settings or {}, self.mapping)

    def _remember_problems(self) -> Iterator[Problem]:
        if not self.remember:
            return
        try:
            path = paths.compile(self.remember)
        except paths.PathError as error:
            yield Problem("", "invalid_path", str(error))
            return
        if self.remember[0] == "@" or not path.plain:
            text = "Write the path of one value by names and places, such as `$.data[0].id`."
            yield Problem("", "invalid_path", text)
        elif self.use == Use.ENRICH:
            yield Problem("", "without_use", "A step that asks creates nothing to remember.")

    def clean(self) -> None:
        self.settings = self.settings or {}
        self.filters = self.filters or None
        raise_problems(self.problems(), self)


def success_problems(success: Any) -> Iterator[Problem]:
    """What counts as success: {"status": [200, 201], "body": [filters on what is answered]}."""
    if success is None:
        return
    if not isinstance(success, dict) or not success:
        text = 'Write {"status": [200, 201]}, or null for any 2xx.'
        yield Problem("", "not_an_object", text)
        return
    for key in success:
        if key not in SUCCESS_KEYS:
            hint = did_you_mean(key, SUCCESS_KEYS)
            text = f"What is a success is told by `status` and `body`.{hint}"
            yield Problem(key, "unknown_field", text)
    statuses = success.get("status", [200])
    if not isinstance(statuses, list) or not statuses or not all(map(_is_status, statuses)):
        yield Problem("status", "invalid_status", "Write a list of HTTP statuses, 200 to 599.")
    conditions = success.get("body", [])
    yield from (problem.under("body") for problem in filters.check(conditions))
    if not conditions and "body" in success:
        text = 'Write what holds in a success: [{"field": "$.error", "operator": "missing"}].'
        yield Problem("body", "required", text)


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 599
