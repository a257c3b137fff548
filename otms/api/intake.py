"""The door for what comes in: shut while there is no room, before anything of it is stored.

Who knows whether there is room keeps the door: nothing down here has heard of queues and disks.
"""

from typing import Any, Protocol

from otms.api.errors import Full

OK = "ok"


class Keeper(Protocol):
    """What is asked at the door; it takes no time and no statement while there is room."""

    def refusal(self, user: Any, entity: str, shown: Any) -> Full | None:
        """Why nothing that makes or changes such a record is taken in from this caller now.

        What was `shown`, such as a token, may be good for less than its caller may do.
        """

    def said(self) -> str:
        """How it stands for the whole deployment, in words for anybody; "ok" if all is well."""


class _Open:
    def refusal(self, user: Any, entity: str, shown: Any) -> Full | None:
        return None

    def said(self) -> str:
        return OK


_keeper: Keeper = _Open()


def keep(keeper: Keeper) -> None:
    """From now on this one is asked."""
    global _keeper
    _keeper = keeper


def refusal(user: Any, entity: str, shown: Any = None) -> Full | None:
    """Why this caller may not bring in such a record now; None while there is room."""
    return _keeper.refusal(user, entity, shown)


def said() -> str:
    """How it stands, in words for anybody."""
    return _keeper.said()
