"""File: what somebody sent us to read, as it came."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from otms.accounts.tenancy import Record


class File(Record):
    """The bytes and what they turned out to be.

    In the database and not in a folder: they are there or not together with what refers to them,
    on every machine, and in every backup.
    """

    integration = models.ForeignKey(
        "integrations.Integration",
        models.CASCADE,
        null=True,
        related_name="files",
        verbose_name=_("integration"),
    )
    email = models.ForeignKey(
        "integrations.Email", models.CASCADE, null=True, related_name="attachments"
    )
    original_name = models.CharField(_("original name"), max_length=255)
    purpose = models.CharField(_("purpose"), max_length=60, blank=True)
    size = models.PositiveBigIntegerField()
    content = models.BinaryField()
    format = models.CharField(_("format"), max_length=20)
    encoding = models.CharField(_("encoding"), max_length=20, blank=True)
    uploaded_by = models.CharField(_("uploaded by"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")
        indexes = [models.Index(fields=["platform", "-created_at", "id"], name="file_newest")]

    @property
    def audit_name(self) -> str:
        """Without the name it came with: what is in the audit trail stays there."""
        return f"{self.format}, {self.size} bytes"

    def __str__(self) -> str:
        return self.original_name
