"""A walk: calls are made as somebody, undone again, and held against what the table says.

A call may answer what it likes to who may make it, but never with a word of the other platform,
and never with an effect on it. Who may not make it is refused, and nothing changes.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from django.db import connection, transaction

from tests.walk import furnished

MOST = 30  # faults that are printed
# What a call leaves behind of its caller, refused or not.
OF_CALLERS = {
    *("accounts.PersonalToken", "accounts.Session"),
    *("integrations.Credential", "integrations.AppAccessToken"),
}


class Walk:
    """Through one platform, beside another of which nothing may be seen."""

    def __init__(self, own: SimpleNamespace, foreign: SimpleNamespace) -> None:
        self.own, self.foreign = own, foreign
        self.secret = furnished.ids(foreign) - furnished.ids(own)
        self.calls: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.leaks: list[str] = []
        self.faults: list[str] = []

    @cached_property
    def before(self) -> dict[Any, furnished.Rows]:
        """All rows as they are before the first call, when everybody is there."""
        return {of.platform.pk: furnished.rows(of.platform) for of in (self.own, self.foreign)}

    @contextmanager
    def step(self, caller: str, what: str) -> Iterator["Step"]:
        """One call and what comes of it; afterwards all is as it was."""
        step, _ = Step(self, f"{caller}: {what}"), self.before
        with transaction.atomic():
            with connection.execute_wrapper(step.watch):
                yield step
            self.calls[caller] += 1
            step.look()
            transaction.set_rollback(True)

    def told(self, name: str) -> str:
        made = ", ".join(f"{count} as {caller}" for caller, count in self.calls.items())
        answers = ", ".join(f"{code}: {count}" for code, count in sorted(self.statuses.items()))
        total = f"{sum(self.calls.values())} calls ({made}), answered {answers}"
        return f"\n{name}: {total}; {len(self.leaks)} leaks, {len(self.faults)} other faults"

    def check(self, name: str) -> None:
        print(self.told(name))  # noqa: T201 - what the walk is for: pytest -s
        found = [*self.leaks, *self.faults]
        assert not found, "\n".join([*found[:MOST], f"{len(found)} in all"])


class Step:
    def __init__(self, walk: Walk, what: str) -> None:
        self.walk, self.what = walk, what
        self.wrote = False
        self.refused = False

    def watch(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.wrote |= sql.startswith(("INSERT", "UPDATE", "DELETE", "REPLACE"))
        return execute(sql, params, many, context)

    def answered(self, answer: Any, expected: set[int], sent: str = "") -> None:
        """What it must be answered with; `sent` is what the caller knew already."""
        status = answer.status_code
        self.walk.statuses[status] += 1
        self.refused = status in (401, 403, 404)
        if status not in expected:
            said = b"".join(answer)[:300] if status < 500 else b""
            self.walk.faults.append(f"{self.what} is answered {status}, not {expected}: {said!r}")
        text = b"".join(answer).decode(errors="replace")
        seen = {each for each in self.walk.secret if each in text and each not in sent}
        if seen or "foreign-" in text:
            at = text.find("foreign-")
            found = text[max(0, at - 100) : at + 50] if at >= 0 else seen
            self.walk.leaks.append(f"{self.what} shows {found!r}")

    def look(self) -> None:
        """Did it change what it must not?"""
        if not self.wrote:
            return
        for of in (self.walk.own, self.walk.foreign):
            if of is self.walk.own and not self.refused:
                continue
            now = furnished.rows(of.platform)
            reached = set(furnished.changed(self.walk.before[of.platform.pk], now))
            if of is self.walk.own:
                reached -= OF_CALLERS
            if reached:
                whose = "its own platform" if of is self.walk.own else "the other platform"
                self.walk.leaks.append(f"{self.what} changes {reached} of {whose}")
