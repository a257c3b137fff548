"""W3C Trace Context: which trace of the caller's a change belongs to, and how a delivery says so.

https://www.w3.org/TR/trace-context/
"""

import re
from dataclasses import dataclass
from typing import Optional
from uuid import UUID

from integrations.core.chance import random_hex

SAMPLED, RANDOM = 1, 2  # the flags that there are; what is not known is not handed on
LONGEST_STATE = 512
MOST_MEMBERS = 32
LONGEST = 55 + 1 + LONGEST_STATE  # of what is kept

_PARENT = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?P<id>(?!0{32})[0-9a-f]{32})-(?P<span>(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?",
)
_MEMBER = re.compile(
    r"((?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13}))"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)


@dataclass(frozen=True)
class Trace:
    """A place in a trace; its text is what is kept with a change."""

    id: str
    span: str
    flags: int = SAMPLED
    state: str = ""

    @classmethod
    def read(cls, parent: str, state: str = "") -> Optional["Trace"]:
        """What a caller's `traceparent` and `tracestate` say; None, and no error, if it is none."""
        found = _PARENT.fullmatch(parent)
        if not found or (found["version"] == "00" and found["more"]):
            return None
        flags = int(found["flags"], 16) & (SAMPLED | RANDOM)
        return cls(found["id"], found["span"], flags, _state(state))

    @classmethod
    def kept(cls, text: str) -> Optional["Trace"]:
        """What stands with a change."""
        parent, _, state = text.partition(" ")
        return cls.read(parent, state)

    @classmethod
    def of(cls, uuid: UUID) -> "Trace":
        """A place in the trace of its own id, which what nobody traces has."""
        return cls(uuid.hex, random_hex(8))

    @property
    def parent(self) -> str:
        """As the header `traceparent` says it."""
        return f"00-{self.id}-{self.span}-{self.flags:02x}"

    def next(self) -> "Trace":
        """A new place in the same trace."""
        return Trace(self.id, random_hex(8), self.flags, self.state)

    def __str__(self) -> str:
        return f"{self.parent} {self.state}".rstrip()


def _state(written: str) -> str:
    """What other systems noted, as they wrote it; nothing if it can't be told apart."""
    members = [each for each in (part.strip(" \t") for part in written.split(",")) if each]
    found = [_MEMBER.fullmatch(each) for each in members]
    if not all(found) or len(members) > MOST_MEMBERS:
        return ""
    if len({each[1] for each in found if each}) < len(members):
        return ""
    state = ",".join(members)
    return state if len(state) <= LONGEST_STATE else ""
