"""What an entity file says."""

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Model, Q
from django.utils.functional import Promise


class Entity:
    """A kind of record that integrations are about, with the parts it owns.

    A change of the root or of any part is one change of the entity. `parts` maps each part's model
    to the lookup that leads to the root's id.
    """

    key: str  # the wire name, from the file's name
    label: ClassVar[str | Promise]
    noun: ClassVar[str | Promise]  # the label, within a sentence
    root: ClassVar[type[Model]]
    parts: ClassVar[dict[type[Model], str]] = {}

    def snapshots(self, ids: Iterable[UUID], using: str) -> dict[UUID, dict[str, Any]]:
        """The records with these ids as they look on the wire, read fresh; missing ones left out.

        This runs inside every save and fails it by raising: keep it trivial.
        """
        raise NotImplementedError(f"{type(self).__module__} does not say what its snapshot is.")

    def hold(self, ids: Iterable[UUID], using: str) -> None:
        """Lock the roots: until the transaction ends, nobody else changes these records."""
        rows = self.root._base_manager.using(using).filter(pk__in=list(ids)).order_by("pk")
        list(rows.select_for_update(no_key=True).values_list("pk"))

    def reference(self, snapshot: dict[str, Any]) -> str:
        """What people call the record."""
        return str(snapshot.get("name") or snapshot["id"][:8])

    def called(self, reference: str) -> list[Q]:
        """Those that people call so: what each of these finds by an index of its own."""
        return [Q(name=reference)]

    def belonging_to(self, name: str) -> list[Q]:
        """Those of whoever is called so, such as a customer; none where they are nobody's."""
        return []

    def resembling(self, part: str) -> Q | None:
        """Those that have this somewhere in what people call them, or whose they are; None for what
        nobody looks for so."""
        return None

    def roots(self, instance: Model, using: str) -> set[UUID]:
        """The ids of the roots that this instance belongs to, before and after the save.

        A part that moves from one root to another changes both.
        """
        if isinstance(instance, self.root):
            return {instance.pk} if instance.pk else set()
        model = type(instance)
        lookup = self.parts[model]
        found = {_follow(instance, lookup)}
        if not instance._state.adding:
            stored = model._base_manager.using(using).filter(pk=instance.pk)
            found |= set(stored.values_list(lookup, flat=True))
        return {pk for pk in found if pk}


def _follow(instance: Model, lookup: str) -> Any:
    value: Any = instance
    for name in lookup.split("__"):
        value = getattr(value, name)
    return value
