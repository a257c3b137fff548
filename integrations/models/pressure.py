"""Pressure: what runs full, or is; there is a row only while it does.

It is of the deployment and of no platform: beside the queues of platforms it knows of disks.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, models, transaction

from integrations.core.room import Level, Room
from otms.db.fields import DocumentField
from otms.documents import timestamp


class Of(models.TextChoices):
    """What there is too much of, or too little room on."""

    QUEUE = "queue"
    DISK = "disk"
    DATABASE = "database"


@dataclass(frozen=True)
class Measured:
    """What was found: how much there is and how much there may be; of a queue, whose it is.

    `held_by` are the integrations with the longest queues: what they are called, and how many wait.
    """

    of: Of
    room: Room
    used: int
    most: int
    platform_id: str = ""
    name: str = ""
    held_by: tuple[tuple[str, int], ...] = ()

    @property
    def place(self) -> str:
        return f"{self.of} {self.platform_id}".strip()

    @property
    def facts(self) -> dict[str, Any]:
        facts = {name: value for name, value in asdict(self).items() if name != "room"}
        return {**facts, "of": str(self.of), "held_by": [*map(list, self.held_by)]}


@dataclass(frozen=True)
class Turn:
    """It became worse or better: something that is told once."""

    pressure: "Pressure"
    before: Level
    now: Level


class PressureQuerySet(models.QuerySet["Pressure"]):
    def note(self, found: Measured, at: datetime) -> Turn | None:
        """Write down how it stands; the turn that it took, for one of those who see it alone."""
        row = self.filter(place=found.place).first()
        before = Level(row.level) if row else Level.FREE
        now = found.room.level(before)
        fields = {**found.facts, "level": now, "measured_at": at}
        if row is None:
            return self._begin(found.place, fields, at) if now != Level.FREE else None
        mine = self.filter(pk=row.pk, level=before)
        changed = mine.update(**fields) if now != Level.FREE else mine.delete()[0]
        for name, value in fields.items():
            setattr(row, name, value)
        return Turn(row, before, now) if changed and now != before else None

    def _begin(self, place: str, fields: dict[str, Any], at: datetime) -> Turn | None:
        try:
            with transaction.atomic(using=self.db):
                row = self.create(place=place, since=at, **fields)
        except IntegrityError:
            return None  # somebody found it at the same moment
        return Turn(row, Level.FREE, Level(row.level))

    def forget(self, but: set[str]) -> list[Turn]:
        """What was not found again, because its limit or its platform is gone, is over."""
        gone = list(self.exclude(place__in=but))
        ended = [row for row in gone if self.filter(pk=row.pk, level=row.level).delete()[0]]
        return [Turn(row, Level(row.level), Level.FREE) for row in ended]


class Pressure(models.Model):
    """A queue with many objects, or a disk with little room: how much that is, and since when."""

    place = models.CharField(max_length=60, primary_key=True)
    of = models.CharField(max_length=10, choices=Of.choices)
    platform_id = models.CharField(max_length=36, blank=True)
    name = models.TextField(blank=True)  # of the platform
    level = models.CharField(max_length=10)
    since = models.DateTimeField()
    measured_at = models.DateTimeField()
    used = models.BigIntegerField()
    most = models.BigIntegerField()
    held_by = DocumentField(default=list)

    objects = PressureQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.place}: {self.level}"

    @property
    def facts(self) -> dict[str, Any]:
        """What is to be known of it where no database is asked."""
        names = ("place", "of", "platform_id", "name", "level", "used", "most", "held_by")
        return {**{name: getattr(self, name) for name in names}, "since": timestamp(self.since)}
