"""Guesses are counted in the database: all web processes together, whoever is restarted.

An attempt is looked at twice: before anything is compared, and when it turned out. Of many guesses
at the same moment no more get an answer than a limit allows, and what is right writes nothing.

Who is guessed at is not told: a name that nobody has is counted as any other. It is kept as an
HMAC, because people type passwords into the field for the name.
"""

import logging
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Self

from django.contrib.auth import get_user_model
from django.db import models, transaction
from django.utils.crypto import salted_hmac
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from rest_framework.exceptions import APIException

from otms.accounts import actor, audit
from otms.accounts.session import Session
from otms.address import home

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limit:
    """So many failures in so many seconds, and it is closed for as long after the last of them."""

    what: str
    most: int
    seconds: int


BY_NAME_AND_ADDRESS = Limit("name and address", 10, 15 * 60)
BY_NAME = Limit("name", 100, 60 * 60)
BY_ADDRESS = Limit("address", 100, 60 * 60)
LINKS = Limit("links", 5, 60 * 60)  # that set a password: each that is asked for counts
LONGEST = timedelta(seconds=max(each.seconds for each in (BY_NAME_AND_ADDRESS, BY_NAME, LINKS)))


class Locked(APIException):
    """Too many were wrong; `wait` says for how many seconds nothing is looked at."""

    status_code = 429
    default_code = "locked"

    def __init__(self, wait: float) -> None:
        self.wait = max(1, ceil(wait))
        text = _(
            "Too many failed logins with this name or from your address. "
            "Wait {time}, then try again."
        )
        super().__init__(text.format(time=in_words(self.wait)))


def in_words(seconds: int) -> str:
    if seconds < 120:
        return ngettext("{n} second", "{n} seconds", seconds).format(n=seconds)
    minutes = ceil(seconds / 60)
    return ngettext("{n} minute", "{n} minutes", minutes).format(n=minutes)


class FailedTries(models.Model):
    """When it failed, for one name, one address, or both."""

    key = models.CharField(max_length=64, primary_key=True)
    name_key = models.CharField(max_length=64, blank=True, db_index=True)  # for unlock()
    times = models.JSONField(default=list)  # seconds since 1970, at most as many as the limit
    last_at = models.DateTimeField(db_index=True)  # for prune()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{len(self.times)} until {self.last_at:%Y-%m-%d %H:%M}"

    def wait(self, limit: Limit) -> float:
        """For how many seconds it is closed."""
        if len(self.times) < limit.most:
            return 0
        return max(0, float(self.times[-1]) + limit.seconds - now().timestamp())

    def add(self, limit: Limit, at: datetime) -> None:
        moment = at.timestamp()
        # What filled the limit was paid for by waiting.
        recent = [each for each in self.times if each > moment - limit.seconds]
        self.times = [*recent, moment] if len(self.times) < limit.most else [moment]

    @classmethod
    def prune(cls, most: int) -> int:
        """Forget up to so many that close nothing any more."""
        old = cls.objects.filter(last_at__lte=now() - LONGEST)
        some = list(old.values_list("pk", flat=True)[:most])
        return old.filter(pk__in=some).delete()[0]  # not by key alone: it may have failed again


class Attempt:
    """A try to log in, or to show anew who one is; it counts when it turns out to be wrong."""

    def __init__(self, keys: dict[Limit, str], username: str = "", address: str = "") -> None:
        self.keys, self.username, self.address = keys, username, address

    @classmethod
    def to_log_in(cls, username: str, address: str) -> Self:
        keys = {
            BY_NAME_AND_ADDRESS: _key("both", _plain(username), home(address)),
            BY_NAME: name_key(username),
            BY_ADDRESS: _key("address", home(address)),
        }
        return cls(keys, username, address)._begun()

    @classmethod
    def with_token(cls, address: str) -> Self:
        """A token that can't be guessed, but tells who tries."""
        return cls({BY_ADDRESS: _key("address", home(address))}, address=address)._begun()

    @classmethod
    def for_link(cls, address: str) -> Self:
        return cls({LINKS: _key("links", home(address))}, address=address)._begun()

    def right(self) -> None:
        """It was right; Locked when too many others turned out to be wrong meanwhile."""
        found = FailedTries.objects.in_bulk(self.keys.values())
        self._check({limit: found[key] for limit, key in self.keys.items() if key in found})

    def wrong(self) -> None:
        """It was wrong; Locked when too many others were already: what is said tells nothing."""
        if self.username:
            log.warning("a login failed", extra=self._who())
        with transaction.atomic():
            rows = self._held()
            exempt = self._check(rows)
            at = now()
            for limit, row in rows.items():
                if limit not in exempt:
                    row.add(limit, at)
                    row.save()
            closed = [limit.what for limit, row in rows.items() if row.wait(limit)]
            if self.username and len(closed) > len(exempt):
                self._tell(closed)

    def _begun(self) -> Self:
        self.right()
        return self

    def _held(self) -> dict[Limit, FailedTries]:
        """The rows, locked until the end of the transaction, by everybody in the same order."""
        about = name_key(self.username) if self.username else ""
        new = [
            FailedTries(key=key, name_key="" if limit is BY_ADDRESS else about, last_at=now())
            for limit, key in self.keys.items()
        ]
        # An upsert locks what is there too; a list of keys would be locked in any order.
        FailedTries.objects.bulk_create(
            new, update_conflicts=True, unique_fields=["key"], update_fields=["last_at"]
        )
        found = FailedTries.objects.in_bulk(self.keys.values())
        return {limit: found[key] for limit, key in self.keys.items()}

    def _check(self, rows: dict[Limit, FailedTries]) -> set[Limit]:
        """Locked, if it is; else which limit does not hold here."""
        waits = {limit: wait for limit, row in rows.items() if (wait := row.wait(limit))}
        # Whoever guesses from everywhere shall not keep the person out.
        exempt = {BY_NAME} if BY_NAME in waits and self._known() else set()
        if left := [wait for limit, wait in waits.items() if limit not in exempt]:
            raise Locked(max(left))
        return exempt

    def _known(self) -> bool:
        """Did this person log in from this address before?"""
        logins = Session.objects.across_platforms().filter(awaits_code=False)
        person = get_user_model().objects.called(self.username)
        theirs = logins.filter(user=person).exclude(ip=None)
        before = theirs.order_by().values_list("ip", flat=True).distinct()
        return home(self.address) in {home(str(each)) for each in before}

    def _who(self) -> dict[str, str]:
        """For the log: who it is, if there is such a person; else it may be a password."""
        person = get_user_model().objects.called(self.username)
        name = person.get_username() if person else "nobody of that name"
        request = actor.current().request_id
        return {"person": name, "address": self.address, "request": request}

    def _tell(self, closed: list[str]) -> None:
        what = ", ".join(closed)
        log.warning("logins are locked", extra={"by": what, **self._who()})
        if person := get_user_model().objects.called(self.username):
            audit.record("lock:user", person, note=f"Too many failed logins: by {what}.")


def unlock(username: str) -> bool:
    """Forget what failed with this name, from wherever; False when there was nothing."""
    found = bool(FailedTries.objects.filter(name_key=name_key(username)).delete()[0])
    if found and (person := get_user_model().objects.called(username)):
        audit.record("unlock:user", person)
    return found


def unlock_address(address: str) -> bool:
    """Forget what failed from this address."""
    keys = [_key(kind, home(address)) for kind in ("address", "links")]
    return bool(FailedTries.objects.filter(pk__in=keys).delete()[0])


def locked_until(username: str) -> datetime | None:
    """How long this name is locked, at least from one address; None when it is not."""
    rows = FailedTries.objects.filter(name_key=name_key(username))
    waits = [row.wait(BY_NAME if row.key == row.name_key else BY_NAME_AND_ADDRESS) for row in rows]
    longest = max(waits, default=0)
    return now() + timedelta(seconds=longest) if longest else None


def name_key(username: str) -> str:
    return _key("name", _plain(username))


def _key(*parts: str) -> str:
    return salted_hmac(__name__, "\n".join(parts), algorithm="sha256").hexdigest()


def _plain(username: str) -> str:
    """Spelt in another way it is the same guess."""
    return unicodedata.normalize("NFKC", username).casefold().strip()
