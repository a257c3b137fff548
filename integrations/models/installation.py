"""AppInstallation: one platform's copy of an app of the store, with its settings."""

from collections.abc import Iterable
from typing import Any, Self

from django.db import models, transaction
from django.utils.timezone import now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations.models.app_token import AppAccessToken
from integrations.models.integration import Integration, Stale
from otms.accounts import audit, difference
from otms.accounts.tenancy import PlatformQuerySet, Record
from otms.db.fields import DocumentField, SecretsField
from otms.db.sealing import UNREADABLE


class InstallationStatus(models.TextChoices):
    INSTALLING = "INSTALLING"
    ACTIVE = "ACTIVE"
    UNINSTALLED = "UNINSTALLED"


class AppInstallationQuerySet(PlatformQuerySet["AppInstallation"]):
    def living(self) -> Self:
        """Those that were not uninstalled."""
        return self.exclude(status=InstallationStatus.UNINSTALLED)


class AppInstallation(Record):
    """An app as it was installed: it owns the integrations that it made, and its access token.

    Uninstalling is soft, so that what its integrations did can still be read.
    """

    app = models.CharField(max_length=60, editable=False)  # the key of its manifest
    version = models.CharField(max_length=30, editable=False)
    name = models.CharField(_("name"), max_length=200)
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=InstallationStatus.choices,
        default=InstallationStatus.INSTALLING,
        editable=False,
    )
    settings = DocumentField(default=dict, editable=False)
    secrets = SecretsField(default=dict, editable=False)
    # Why it is not active.
    message = models.TextField(_("message"), blank=True, editable=False)
    installed_by = models.CharField(_("installed by"), max_length=200, blank=True, editable=False)

    integrations: "models.Manager[Integration]"
    tokens: "models.Manager[AppAccessToken]"

    objects = AppInstallationQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("app")
        verbose_name_plural = _("apps")
        constraints = [
            # Several of one app are told apart by their names.
            models.UniqueConstraint(
                fields=["platform", "name"],
                condition=~models.Q(status="UNINSTALLED"),
                name="installation_name",
            )
        ]
        indexes = [
            models.Index(fields=["platform", "-created_at", "id"], name="installation_newest")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_uninstalled(self) -> bool:
        return self.status == InstallationStatus.UNINSTALLED

    @property
    def keeps(self) -> str:
        """Whoever wants to change its integrations is told so."""
        text = gettext(
            "It belongs to the installed app {app} and is changed there: with PUT "
            "/api/appInstallation and the id {id}, or uninstalled with DELETE."
        )
        return text.format(app=self, id=self.pk)

    @property
    def unreadable(self) -> str:
        """That no key of this server opens its secrets; "" if one does."""
        return "" if self.secrets.are_readable else f"Its secrets {UNREADABLE}"

    def activate(self) -> None:
        """It works from now on."""
        self.status, self.message = InstallationStatus.ACTIVE, ""
        self.save()

    def hold(self) -> None:
        """Lock it until the transaction ends; Stale when it was saved since it was read."""
        stored = AppInstallation.objects.of(self.platform_id)
        as_read = stored.filter(pk=self.pk, updated_at=self.updated_at)
        if not as_read.select_for_update(no_key=True):
            raise Stale

    @transaction.atomic
    def uninstall(self) -> None:
        """Stop what it does: what waits is cancelled, its token refused, its secrets forgotten."""
        stored = AppInstallation.objects.of(self.platform_id)
        stored.select_for_update(no_key=True).get(pk=self.pk)
        self.refresh_from_db()
        if self.is_uninstalled:  # somebody else was faster
            return
        for integration in Integration.objects.of(self.platform_id).filter(installation=self):
            integration.retire("The app was uninstalled.")
        self.tokens.filter(revoked_at=None).update(revoked_at=now(), updated_at=now())
        self.status, self.message, self.secrets = InstallationStatus.UNINSTALLED, "", {}
        self.save()
        audit.record("delete:appInstallation", self, note="Uninstalled; its token is refused.")

    def audited(self) -> dict[str, Any]:
        """All that people say of it, as the audit trail compares and shows it."""
        return {
            "name": self.name,
            "status": self.status,
            "version": self.version,
            "settings": {**self.settings, **difference.hidden(self.secrets)},
        }

    def masked(self, mask: str, secrets: Iterable[str]) -> dict[str, Any]:
        """Its settings, and of each secret that it has one.

        Which of these it has nobody knows when no key opens them: then it is said of all.
        """
        held = self.secrets if self.secrets.are_readable else secrets
        return {**self.settings, **dict.fromkeys(held, mask)}
