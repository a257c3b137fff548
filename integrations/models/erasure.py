"""ErasureRequest: what an erasure looks for, while it does."""

from django.db import models

from otms.accounts.tenancy import Record
from otms.db.fields import DocumentField, SecretsField


class ErasureRequest(Record):
    """The texts, sealed, and how far it is; it is deleted when the task ends, however it ends."""

    task = models.OneToOneField("integrations.Task", models.CASCADE, related_name="+")
    secrets = SecretsField(editable=False)
    told = DocumentField(
        default=list
    )  # of each kind of row what was found so far; the last goes on
    after = models.CharField(max_length=40, blank=True)  # the key of the last row that was read

    def __str__(self) -> str:
        return f"erasure {self.task_id}"
