"""What the API itself keeps: the answers to calls with an Idempotency-Key."""

from datetime import timedelta

from django.db import models
from django.utils.timezone import now

from otms.db.fields import SealedField


class KeptAnswer(models.Model):
    """How a call was answered, so that the same call is answered the same for a day."""

    LIFETIME = timedelta(hours=24)

    call = models.CharField(max_length=64, primary_key=True)  # hash of caller, path and key
    content_hash = models.CharField(max_length=64)  # of what was sent
    status = models.PositiveSmallIntegerField()
    answer = SealedField(editable=False)  # of any call: nobody reads it but who made it
    created_at = models.DateTimeField(default=now, db_index=True)  # for prune()

    def __str__(self) -> str:
        return f"{self.status} at {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def expired(self) -> bool:
        return self.created_at <= now() - self.LIFETIME

    @classmethod
    def prune(cls, most: int) -> int:
        """Forget up to so many that are older than a day."""
        old = cls.objects.filter(created_at__lte=now() - cls.LIFETIME)
        some = list(old.order_by("created_at").values_list("pk", flat=True)[:most])
        # Not by key alone: a key may have been used anew meanwhile.
        return old.filter(pk__in=some).delete()[0]
