"""Objects that are made anew, and what is known of those that were."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, Max, OuterRef

from integrations import entities
from integrations.core import origin
from integrations.models.change import EntityChange, up_to_now
from integrations.models.hearing import HearingQuerySet, portions
from integrations.models.log import Level, Log
from integrations.models.status import OPEN, Status
from otms.accounts import audit

if TYPE_CHECKING:
    from integrations.models.object import IntegrationObject

LOOKED_UP = 5000  # records that are asked for in one statement


class AnewQuerySet(HearingQuerySet):
    def replay(
        self, by: str = "a person", *, as_it_is_now: bool = False, as_it_began: bool = False
    ) -> list["IntegrationObject"]:
        """Make a new object of each: a new id, at the end of its lane, due as a new change is.

        It tells the change as it was, or the record as it is now: those that are deleted are left
        out. It goes with the filters and mappings of now, or with those that the object used.
        """
        return [
            made
            for ids in portions(self.order_by("id"))
            for made in self._replay(ids, by, as_it_is_now, as_it_began)
        ]

    def _replay(
        self, ids: list[int], by: str, as_it_is_now: bool, as_it_began: bool
    ) -> list["IntegrationObject"]:
        with transaction.atomic(using=self.db):
            found = list(
                self._all()
                .filter(id__in=ids)
                .order_by("id")
                .select_related("change", "since", "integration")
            )
            self._hold_records(found)
            now: list[EntityChange | None] = [None] * len(found)
            if as_it_is_now:
                now = up_to_now((row.whole for row in found), self.db)
                EntityChange.objects.using(self.db).bulk_create(filter(None, now))
            pairs = [
                (row, row.replayed(change, as_it_began=as_it_began))
                for row, change in zip(found, now, strict=True)
                if change or not as_it_is_now
            ]
            at = datetime.now(UTC)
            for _, row in pairs:
                if row.change.hops >= origin.MOST_HOPS:
                    row.go_round_no_more()
                else:
                    row.due_at = row.first_due(at)
            made = self.bulk_create([row for _, row in pairs])
            Log.objects.bulk_create(
                line
                for old, row in pairs
                for line in (
                    old.line(Level.INFO, "replayed", f"Replayed as {row.uuid} by {by}."),
                    row.line(Level.INFO, "replay", f"A replay of {old.uuid}, by {by}."),
                )
            )
            audit.record_each("replay:integration:objects", made)
        return made

    def _hold_records(self, found: Sequence["IntegrationObject"]) -> None:
        """Nobody changes these meanwhile: ids are drawn in the order of what they tell."""
        ids: dict[str, set[Any]] = defaultdict(set)
        for row in found:
            ids[row.entity].add(row.entity_id)
        for key in sorted(ids):
            entities.load(key).hold(ids[key], self.db)

    def delivered_anew(self) -> Any:
        """Was a replay of it delivered? To be asked of each of these in the same query."""
        return self._anew(Status.SUCCESS)

    def replayed_since(self) -> Any:
        """Was a replay of it delivered, or does it wait? Made anew, it would be sent once more."""
        return self._anew(Status.SUCCESS, *OPEN)

    def replayed(self) -> int:
        """Of how many that holds."""
        return self.filter(self.replayed_since()).count()

    def _anew(self, *statuses: Status) -> Any:
        """Is there one with such a status that is a replay of it, or of the same change later on?

        The second is told when one of several replays of it failed, or a replay was replayed.
        """
        replays = self._all().filter(status__in=statuses)
        same = {name: OuterRef(name) for name in ("change", "integration")}
        return Exists(replays.filter(replay_of=OuterRef("pk"))) | Exists(
            replays.filter(**same, replay_of__isnull=False, pk__gt=OuterRef("pk"))
        )

    def overtaken(self) -> int:
        """Of how many something newer of their record was delivered: replayed, they tell an older
        state last."""
        found = 0
        asked = self.order_by().values_list(
            "change_id", "integration_id", "entity_id", "platform_id"
        )
        rows = asked.iterator(chunk_size=LOOKED_UP)
        # The newest of many records at once. Row by row it is up to the statistics whether each is
        # looked for by its record, or among all that was delivered.
        while portion := list(islice(rows, LOOKED_UP)):
            newest = self._newest_delivered(portion)
            found += sum(newest.get((of, record), 0) > at for at, of, record, _ in portion)
        return found

    def _newest_delivered(
        self, rows: Iterable[tuple[int, UUID, UUID, UUID]]
    ) -> dict[tuple[UUID, UUID], int]:
        """The newest change that was delivered, by integration and record."""
        _, _, records, platforms = zip(*rows, strict=True)
        same = self._all().filter(
            platform_id__in=set(platforms), entity_id__in=set(records), status=Status.SUCCESS
        )
        newest = same.order_by().values_list("integration_id", "entity_id").annotate(Max("change"))
        return {(of, record): change for of, record, change in newest}

    def without_record(self) -> int:
        """How many are about a record that is deleted since."""
        found = self.exclude(entity__in=entities.known()).count()
        # One kind after the other, or the record of each would be looked up by itself.
        for key in entities.known():
            root = entities.load(key).root._base_manager.using(self.db)
            same = root.filter(pk=OuterRef("entity_id"), platform=OuterRef("platform_id"))
            found += self.filter(~Exists(same), entity=key).count()
        return found
