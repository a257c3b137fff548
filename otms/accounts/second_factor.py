"""The second factor: codes of an app on the phone (TOTP, RFC 6238), and recovery codes on paper.

A code is good once, and half a minute early or late. What the codes are made from is encrypted at
rest; recovery codes are kept as hashes.
"""

import hmac
import logging
import re
import secrets
import time
from typing import TYPE_CHECKING

import pyotp
from django.conf import settings
from django.db import models, transaction
from django.utils.timezone import now

from otms.accounts import audit, notices
from otms.accounts.personal_token import fingerprint
from otms.accounts.tenancy import Record
from otms.db.fields import SecretsField

if TYPE_CHECKING:
    from otms.accounts.models import User

log = logging.getLogger(__name__)

STEP = 30  # seconds, as every app has it
SKEW = 1  # steps that a phone may be early or late
RECOVERY_CODES = 10
ISSUER = "OTMS"
BY_ANOTHER = "delete:user:secondFactor"  # removed by an administrator
# Without what looks like something else: no 0 and O, no 1, I and L.
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"


class AlreadyOn(Exception):
    """Whoever has a second factor turns it off before they begin with another."""


class SecondFactor(Record):
    """What a person's phone shares with us; in force once they showed a code of it."""

    user = models.OneToOneField("accounts.User", models.CASCADE, related_name="second_factor")
    secrets = SecretsField(editable=False)
    confirmed_at = models.DateTimeField(null=True, editable=False)
    last_step = models.BigIntegerField(default=0, editable=False)  # of the newest code shown

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"second factor of {self.user}"

    @classmethod
    def of(cls, user: "User") -> "SecondFactor | None":
        """The second factor of this person, if it is in force."""
        return (
            cls.objects.of(user.platform_id).filter(user=user, confirmed_at__isnull=False).first()
        )

    @classmethod
    def begin(cls, user: "User") -> "SecondFactor":
        """A new one, not in force yet; what was begun before is forgotten."""
        with transaction.atomic():
            _alone(user)
            if cls.of(user):
                raise AlreadyOn
            cls.objects.of(user.platform_id).filter(user=user).delete()
            fresh = {"totp": pyotp.random_base32()}
            return cls.objects.create(user=user, platform=user.platform, secrets=fresh)

    @property
    def secret(self) -> str:
        """For who can't scan: what the codes are made from, in base 32."""
        return str(self.secrets["totp"])

    @property
    def uri(self) -> str:
        """What the picture says to the phone."""
        server = settings.OTMS_PUBLIC_URL.partition("://")[2].partition("/")[0]
        issuer = f"{ISSUER} {server}".strip()
        name = self.user.get_username()
        return pyotp.TOTP(self.secret).provisioning_uri(name=name, issuer_name=issuer)

    def confirm(self, code: str) -> list[str] | None:
        """Put it in force with a first code; the recovery codes, which are never shown again."""
        with transaction.atomic():
            _alone(self.user)
            mine = SecondFactor.objects.of(self.platform_id).filter(pk=self.pk, confirmed_at=None)
            step = self._step_of(code)
            if step is None or not mine.update(confirmed_at=now(), last_step=step):
                return None
            self.refresh_from_db()
            audit.record("confirm:user:secondFactor", self.user)
            return self._new_recovery_codes()

    def accepts(self, code: str) -> bool:
        """Is it a code of this moment, or a recovery code, and was it never shown before?"""
        plain = re.sub(r"[\s-]", "", code).lower()
        if re.fullmatch("[0-9]{6}", plain):
            step = self._step_of(plain)
            mine = SecondFactor.objects.of(self.platform_id).filter(pk=self.pk)
            # Two that show the same code: one of them finds it used.
            return step is not None and bool(
                mine.filter(confirmed_at__isnull=False, last_step__lt=step).update(last_step=step)
            )
        return self._spend(plain)

    def _step_of(self, code: str) -> int | None:
        """Which half minute around now this is the code of."""
        this = int(time.time()) // STEP
        codes = pyotp.TOTP(self.secret)
        plain = re.sub(r"[\s-]", "", code).encode()
        found = [
            step
            for step in range(this - SKEW, this + SKEW + 1)
            if hmac.compare_digest(codes.generate_otp(step).encode(), plain)
        ]
        return found[-1] if found else None

    def _spend(self, code: str) -> bool:
        with transaction.atomic():
            unused = self.recovery_codes.filter(used_at=None)
            if not unused.filter(hash=self._hash(code)).update(used_at=now()):
                return False
            left = self.codes_left
            audit.record("use:user:recoveryCode", self.user, note=f"{left} left")
        log.warning("a recovery code was used", extra={"user": self.user_id, "left": left})
        return True

    @property
    def codes_left(self) -> int:
        return self.recovery_codes.filter(used_at=None).count()

    def renew_recovery_codes(self) -> list[str]:
        """New recovery codes; those that there were are good for nothing."""
        with transaction.atomic():
            _alone(self.user)
            audit.record("generate:user:recoveryCodes", self.user)
            return self._new_recovery_codes()

    def _new_recovery_codes(self) -> list[str]:
        self.recovery_codes.all().delete()
        codes = [_drawn() for _ in range(RECOVERY_CODES)]
        RecoveryCode.objects.bulk_create(
            [RecoveryCode(factor=self, hash=self._hash(each.replace("-", ""))) for each in codes]
        )
        return codes

    def _hash(self, code: str) -> str:
        """Long and random too; the same code of another person is another."""
        return fingerprint(f"{self.pk} {code}")

    def remove(self, action: str) -> None:
        """Turn it off, under the name of what its person or an administrator did."""
        with transaction.atomic():
            _alone(self.user)
            audit.record(action, self.user)
            # A session that passed it did not pass the next one.
            self.user.sessions.update(passed_two_factor_authentication=False)
            self.delete()
            if action == BY_ANOTHER:  # who has the phone that was lost may be logged in
                living = self.user.sessions.filter(ended_at=None)
                living.update(ended_at=now(), updated_at=now())
                notices.tell(self.user, "mail/second_factor_off.txt")


class RecoveryCode(models.Model):
    """One of a handful, each good once, for who lost the phone."""

    factor = models.ForeignKey(SecondFactor, models.CASCADE, related_name="recovery_codes")
    hash = models.CharField(max_length=64, editable=False)
    used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"of {self.factor_id}"


def _alone(user: "User") -> None:
    """Nobody else logs this person in, or changes their second factor, until the commit."""
    type(user).objects.select_for_update(no_key=True).filter(pk=user.pk).first()


def _drawn() -> str:
    """About 79 bits: `xxxx-xxxx-xxxx-xxxx`."""
    parts = ("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
    return "-".join(parts)
