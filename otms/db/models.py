"""What every model of ours may build on."""

from typing import Any

from django.db import models, router, transaction


class AtomicModel(models.Model):
    """Saved and deleted inside a transaction, so that its signals are inside it too.

    A plain `save()` outside `atomic()` commits the row before `post_save` fires: a crash in between
    would keep the record and lose what the signal wrote.
    """

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        using = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using, savepoint=False):
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        using = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using, savepoint=False):
            return super().delete(*args, **kwargs)
