"""A hook before COMMIT: what a transaction touched is looked at once, when it is final.

Django has `on_commit` (after the commit: a crash in between loses the work) and signals (in the
middle: the record is not final yet, and outside `atomic()` it is committed already). Every path to
a commit goes through the connection's `commit()`, so that is where this stands.
"""

from collections.abc import Callable, Hashable
from typing import Any

from django.db import connections, transaction

Touched = dict[Hashable, Any]
Callback = Callable[[Touched, str], None]


def until_commit(callback: Callback, using: str) -> Touched:
    """What this callback will be handed before the running transaction commits; fill it."""
    connection: Any = connections[using]
    connection.read.clear()  # who asks is about to write
    kept: dict[Callback, Touched] = connection.before_commit
    return kept.setdefault(callback, {})


def last_read(using: str) -> dict[Hashable, Any]:
    """Records as the running transaction read them after its last write: by model and id.

    Whoever answers a save has read what it made. That is how it will be committed, as long as
    nothing more is written: whoever announces that forgets all of it. Fill it only where nothing
    comes after.
    """
    read: dict[Hashable, Any] = connections[using].read  # type: ignore[attr-defined]
    return read


class BeforeCommit:
    """Mixin for a DatabaseWrapper: `before_commit[callback][key] = value` is kept until COMMIT.

    A callback gets all it was given in this transaction, may write, and fails the transaction by
    raising. A rollback forgets everything, a rolled-back savepoint what was new since it was set:
    the locks that were taken with it are gone too.
    """

    before_commit: dict[Callback, Touched]
    read: dict[Hashable, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._forget()

    def _forget(self) -> None:
        self.before_commit = {}
        self.read = {}
        # By savepoint, how many keys each callback had.
        self._known: dict[str, dict[Callback, int]] = {}

    def _savepoint(self, sid: str) -> None:
        super()._savepoint(sid)  # type: ignore[misc]
        self._known[sid] = {callback: len(kept) for callback, kept in self.before_commit.items()}

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self.read = {}
        known = self._known.get(sid, {})
        for callback, kept in self.before_commit.items():
            for key in list(kept)[known.get(callback, 0) :]:
                del kept[key]

    def _savepoint_commit(self, sid: str) -> None:
        super()._savepoint_commit(sid)  # type: ignore[misc]
        self._known.pop(sid, None)

    def commit(self) -> None:
        try:
            while self.before_commit:  # a callback may touch further records
                work, self.before_commit = self.before_commit, {}
                # Only so that on_commit() may be called in here.
                with transaction.atomic(using=self.alias, savepoint=False):  # type: ignore[attr-defined]
                    for callback, touched in work.items():
                        callback(touched, self.alias)  # type: ignore[attr-defined]
        except BaseException:
            # Atomic.__exit__ rolls back for DatabaseError alone; anything else would leave the
            # connection inside a transaction.
            self.rollback()
            raise
        self._known, self.read = {}, {}
        super().commit()  # type: ignore[misc]

    def rollback(self) -> None:
        self._forget()
        super().rollback()  # type: ignore[misc]

    def close(self) -> None:
        self._forget()
        super().close()  # type: ignore[misc]
