"""How much room is left for what comes in, and when that is too little: plain arithmetic."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Whether there is room: enough, little (people are told), or none (nothing is taken in)."""

    FREE = ""
    LOW = "low"
    FULL = "full"


@dataclass(frozen=True)
class Room:
    """What still fits, in objects or bytes, and at how little of it what happens."""

    left: int
    low: int
    full: int = 0

    @classmethod
    def below(cls, most: int, used: int) -> "Room":
        """Up to a limit: told of when a fifth of it is left."""
        return cls(most - used, most // 5)

    @property
    def slack(self) -> int:
        """How much more must be left before it is said that it is over: else it would be said at
        every measurement."""
        return max(0, self.low - self.full) // 2

    def level(self, before: Level = Level.FREE) -> Level:
        """What it is now, where it was that before."""
        if self.left <= self.full + (self.slack if before == Level.FULL else 0):
            return Level.FULL
        if self.left <= self.low + (self.slack if before != Level.FREE else 0):
            return Level.LOW
        return Level.FREE
