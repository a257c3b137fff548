"""What every endpoint does the same way."""

from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Model
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.viewsets import ViewSet

from otms.api.paging import Page, total
from otms.api.router import Route, actions
from otms.api.serializers import WireSerializer


class RoutedViewSet(ViewSet):
    """Answers routes (router.py). It says itself whose records it shows: see PlatformViewSet."""

    action: str | None

    @property
    def route(self) -> Route | None:
        return actions(type(self)).get(self.action or "")

    def read(self, serializer: type[WireSerializer], **kwargs: Any) -> WireSerializer:
        """The body, checked; a 400 that names each wrong field."""
        reader = serializer(
            data=self.request.data, context={"view": self, **kwargs.pop("context", {})}, **kwargs
        )
        reader.is_valid(raise_exception=True)
        return reader


class PlatformViewSet(RoutedViewSet):
    """Shows the records of the caller's platform, and of no other: another's id is a 404."""

    model: type[Any]
    noun: str  # what one record is called on the wire: "transportOrder"
    searchable: dict[str, str] = {}  # key in the example, dots for nesting -> lookup

    @cached_property
    def records(self) -> Any:
        return self.model.objects.of(self.request.user.platform)

    def record(self, id: UUID | str | None, records: Any = None) -> Any:
        """The record with this id, or a 404 that says which one is missing."""
        try:
            found = (self.records if records is None else records).filter(pk=UUID(str(id))).first()
        except ValueError:
            found = None
        if found is None:
            raise NotFound(f"There is no {self.noun} with the id {str(id)[:80]!r}.")
        return found

    def body_id(self) -> str:
        """The `id` in the body of an update: PUT names its record there, not in the path."""
        if not isinstance(given := self.request.data.get("id"), str):
            raise ValidationError({"id": f"Say which {self.noun} to change: its id, as text."})
        return given

    def check_stored(self, record: Model) -> None:
        """Refuse an update made from an older copy: an `updatedAt` that is not the stored one."""
        from otms.api.errors import Conflict
        from otms.documents import timestamp

        given = self.request.data.get("updatedAt")
        if given is not None and given != timestamp(record.updated_at):  # type: ignore[attr-defined]
            raise Conflict(
                f"This {self.noun} was changed by somebody else meanwhile (updatedAt is now "
                f"{timestamp(record.updated_at)}): read it again, or leave updatedAt out."  # type: ignore[attr-defined]
            )

    def by_example(self) -> dict[str, Any]:
        """The body of a search as lookups: a partial record, every key must match."""
        lookups = dict(self._lookups(self.request.data))
        lookups.pop("nonce", None)
        return lookups

    def _lookups(self, example: dict[str, Any], path: str = "") -> Any:
        for key, value in example.items():
            where = f"{path}{key}"
            if where in self.searchable and not isinstance(value, dict | list):
                yield self.searchable[where], value
            elif isinstance(value, dict) and any(
                s.startswith(f"{where}.") for s in self.searchable
            ):
                yield from self._lookups(value, f"{where}.")
            else:
                known = ", ".join(self.searchable)
                raise ValidationError(
                    {where: f"Not searchable; an example may hold: {known}."}, "unknown_field"
                )

    def paged(
        self, key: str, queryset: Any, offset: str, amount: str, represent: Any
    ) -> dict[str, Any]:
        """One page of a list, with the total."""
        page = Page.of(offset, amount)
        return {key: represent(page.rows(queryset)), **total(queryset)}
