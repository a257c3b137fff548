"""AccessToken: what a target lent us to call it with, shared by all workers, fetched by one."""

from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import IntegrityError, models, transaction

from integrations.http import Grant, NotGranted, Token
from integrations.models.gate import EVER
from otms.db.clock import database_now
from otms.db.fields import SecretsField
from otms.db.sealing import CannotOpen

# A token is given up a little before it ends, so that it does not end on the way.
MARGIN_SECONDS = 60.0
MARGIN_SHARE = 0.1
# Beyond the deadline of the call for a token, until another worker may ask for one.
LEASE_MARGIN_SECONDS = 5.0


class Held(NamedTuple):
    """A token, which of a data source's tokens it is, its age, and for how long it may be used."""

    text: str
    fence: int
    age: float
    seconds: float


class Claimed(NamedTuple):
    """The right to fetch a token, as long as nobody has claimed it since."""

    fence: int


class Awaited(NamedTuple):
    """Another worker is fetching one."""

    fence: int


class AccessToken(models.Model):
    """The token of a data source. A lease says who fetches it, the fence whose answer counts.

    Claiming is one statement, and so is keeping the answer: no lock is held while the token
    endpoint is asked.
    """

    source = models.OneToOneField(
        "integrations.DataSource", models.CASCADE, primary_key=True, related_name="access_token"
    )
    grant = models.CharField(max_length=64, blank=True)  # a fingerprint: of what it is the token
    secrets = SecretsField(default=dict, blank=True, editable=False)
    fetched_at = models.DateTimeField(default=EVER)
    expires_at = models.DateTimeField(default=EVER)
    leased_until = models.DateTimeField(default=EVER)
    fence = models.PositiveIntegerField(default=0)
    # Of the last time that there was none, for those who waited for it.
    failure = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=1000, blank=True)

    def __str__(self) -> str:
        return f"access token of {self.source_id}"

    @classmethod
    def look(
        cls, source: Any, grant: Grant, *, timeout: float, awaited: int = 0
    ) -> Held | Claimed | Awaited:
        """The token there is, or the right to fetch it, or word that somebody else does.

        Who awaited a token gets no right to fetch it when there was none: NotGranted says why.
        """
        name = fingerprint(grant)
        row = cls.objects.filter(pk=source).first()
        now = database_now("default")
        if row and row.grant == name and row.expires_at > now and (text := row._text()):
            left = (row.expires_at - now).total_seconds()
            age = (now - row.fetched_at).total_seconds()
            return Held(text, row.fence, age, left)
        if row and row.leased_until > now:
            return Awaited(row.fence)
        if row and awaited == row.fence and row.grant == name and row.failure:
            raise NotGranted(row.failure, row.reason)  # type: ignore[arg-type]
        if row is None:
            try:
                with transaction.atomic():
                    AccessToken.objects.bulk_create(
                        [AccessToken(source_id=source)], ignore_conflicts=True
                    )
            except IntegrityError:  # the data source is gone: its last call keeps nothing
                return Claimed(0)
        fence = (row.fence if row else 0) + 1
        free = cls.objects.filter(pk=source, leased_until__lte=now, fence=fence - 1)
        # Who looked at the same moment finds the lease taken: the row is read again under its lock.
        if not free.update(
            leased_until=now + timedelta(seconds=timeout + LEASE_MARGIN_SECONDS),
            fence=fence,
            grant=name,
            failure="",
            secrets={},
        ):
            return Awaited(fence)
        return Claimed(fence)

    def _text(self) -> str:
        """The token; "" if there is none, or none of our keys opens it: another can be had."""
        try:
            return self.secrets.get("token", "")
        except CannotOpen:
            return ""

    @classmethod
    def keep(cls, source: Any, claim: Claimed, token: Token) -> Held:
        """Keep a token for all workers, unless another has claimed the right to fetch it since."""
        margin = min(MARGIN_SECONDS, token.seconds * MARGIN_SHARE)
        now = database_now("default")
        cls._finish(
            source,
            claim,
            secrets=cls._sealed({"token": token.text}, source),
            fetched_at=now,
            expires_at=now + timedelta(seconds=token.seconds - margin),
        )
        return Held(token.text, claim.fence, 0.0, token.seconds - margin)

    @classmethod
    def fail(cls, source: Any, claim: Claimed, failure: NotGranted) -> None:
        """Tell those who wait that there is no token, and why."""
        reason = failure.message[:1000]
        cls._finish(source, claim, failure=failure.kind, reason=reason, expires_at=EVER)

    @classmethod
    def drop(cls, source: Any, fence: int) -> None:
        """The target does not take this token any more; a newer one stays."""
        cls.objects.filter(pk=source, fence=fence).update(secrets={}, expires_at=EVER)

    @classmethod
    def _sealed(cls, secrets: dict[str, str], source: Any) -> Any:
        field: Any = cls._meta.get_field("secrets")
        return field.sealed(secrets, source)

    @classmethod
    def _finish(cls, source: Any, claim: Claimed, **fields: Any) -> None:
        cls.objects.filter(pk=source, fence=claim.fence).update(leased_until=EVER, **fields)


def fingerprint(grant: Grant) -> str:
    return grant.fingerprint(settings.SECRET_KEY)
