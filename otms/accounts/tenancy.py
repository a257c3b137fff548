"""Every record belongs to one platform, and no query forgets it.

A queryset of a `Record` that was not told a platform raises when it is used. It is told by

    TransportOrder.objects.of(platform)              the usual way
    TransportOrder.objects.filter(platform=...)      the same
    order.consignments                               the records of a record
    IntegrationObject.objects.across_platforms()     on purpose: the queue, retention, set-up
"""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models import sql
from django.utils.translation import gettext_lazy as _

from otms.db.models import AtomicModel

M = TypeVar("M", bound=models.Model, covariant=True)


class PlatformRequired(Exception):
    """A query of tenant data was about to run without a platform."""


class PlatformQuery(sql.Query):
    """What a queryset asks, and whether it was told a platform: every copy of it knows."""

    scoped = False

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Any:
        # As a part of another query: Exists and Subquery take the query, not the queryset.
        if not self.scoped and not self.is_empty():
            raise PlatformRequired(required(self.model))
        return super().resolve_expression(*args, **kwargs)


def required(model: Any) -> str:
    return f"{model.__name__} belongs to a platform: say .objects.of(platform)."


class PlatformQuerySet(models.QuerySet[M]):
    """A queryset that must know its platform before it touches the database."""

    def __init__(
        self, model: Any = None, query: Any = None, using: Any = None, hints: Any = None
    ) -> None:
        super().__init__(model, query or PlatformQuery(model), using, hints)

    def of(self, platform: Any) -> Self:
        """The records of this platform."""
        return self.filter(platform=platform)

    def across_platforms(self) -> Self:
        """The records of all platforms: for the engine's own work, never for a caller's."""
        queryset = self.all()
        queryset._scope()
        return queryset

    def _scope(self) -> None:
        self.query.scoped = True  # type: ignore[attr-defined]

    def _check_scope(self) -> None:
        if not getattr(self.query, "scoped", False) and not self.query.is_empty():
            raise PlatformRequired(required(self.model))

    def _add_hints(self, **hints: Any) -> None:
        super()._add_hints(**hints)  # type: ignore[misc]
        # A related manager (`order.consignments`, prefetches) hints at the record it starts from.
        if "instance" in hints:
            self._scope()

    def _filter_or_exclude(self, negate: bool, args: Any, kwargs: dict[str, Any]) -> Self:
        queryset: Self = super()._filter_or_exclude(negate, args, kwargs)  # type: ignore[misc]
        if not negate and any(
            kwargs.get(name) is not None for name in ("platform", "platform_id", "platform__exact")
        ):
            queryset._scope()
        return queryset

    # Every way to the database.

    def _fetch_all(self) -> None:
        self._check_scope()
        super()._fetch_all()

    def _iterator(self, *args: Any) -> Iterator[M]:
        self._check_scope()
        yield from super()._iterator(*args)  # type: ignore[misc]

    async def aiterator(self, chunk_size: int = 2000) -> AsyncIterator[M]:
        self._check_scope()
        async for row in super().aiterator(chunk_size):
            yield row

    def count(self) -> int:
        self._check_scope()
        return super().count()

    def exists(self) -> bool:
        self._check_scope()
        return super().exists()

    def aggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        self._check_scope()
        return super().aggregate(*args, **kwargs)

    def explain(self, **kwargs: Any) -> str:
        self._check_scope()
        return super().explain(**kwargs)

    def update(self, **kwargs: Any) -> int:
        self._check_scope()
        return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        self._check_scope()
        return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]

    def _raw_delete(self, using: Any) -> int:
        self._check_scope()
        return super()._raw_delete(using)

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        self._check_scope()
        return super().raw(*args, **kwargs)

    # `a | b` has the rows of both: one that was told no platform would bring everybody's.

    def __or__(self, other: Any) -> Self:
        return self._either(other, super().__or__)

    def __xor__(self, other: Any) -> Self:
        return self._either(other, super().__xor__)  # type: ignore[misc]

    def _either(self, other: Any, combine: Callable[[Any], Any]) -> Any:
        for queryset in (self, other):
            queryset._check_scope()
        return combine(other)

    def _combinator_query(self, combinator: str, *others: Any, all: bool = False) -> Self:
        for queryset in (self, *others):
            queryset._check_scope()
        return super()._combinator_query(combinator, *others, all=all)  # type: ignore[misc]


class Record(AtomicModel):
    """A record of one platform, with the fields that every record has on the wire."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    platform = models.ForeignKey(
        "accounts.Platform", models.CASCADE, related_name="+", editable=False
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PlatformQuerySet.as_manager()

    class Meta:
        abstract = True
