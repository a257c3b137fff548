"""Who logs in, and time that passes."""

from typing import Any

import pyotp
import pytest

from otms.accounts.models import FailedTries, Platform, SecondFactor, User
from otms.accounts.second_factor import STEP
from tests import make
from tests.conftest import Api

PASSWORD = "a long and quiet word"


@pytest.fixture
def anna(platform: Platform) -> User:
    """One of two owners."""
    make.UserFactory(platform=platform)
    return make.UserFactory(platform=platform, username="anna", password=PASSWORD)  # type: ignore[no-any-return]


def attempt(username: str, password: str, address: str = "127.0.0.1") -> Any:
    body = {"username": username, "password": password}
    return Api()("POST", "user/login", body, REMOTE_ADDR=address)


def minutes_pass(minutes: float) -> None:
    """What failed, failed longer ago."""
    for row in FailedTries.objects.all():
        row.times = [each - minutes * 60 for each in row.times]
        row.save()


class Clock:
    """The time as the server and the phone have it; it moves when it is told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now

    def code(self, factor: SecondFactor, late: int = 0) -> str:
        """What the phone shows, or showed so many steps ago."""
        return str(pyotp.TOTP(factor.secret).generate_otp(int(self.now) // STEP - late))

    def next_code(self, factor: SecondFactor) -> str:
        self.now += STEP
        return self.code(factor)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("otms.accounts.second_factor.time", clock)
    return clock


@pytest.fixture
def factor(anna: User, clock: Clock) -> SecondFactor:
    """Anna's, and it is on."""
    begun = SecondFactor.begin(anna)
    assert begun.confirm(clock.code(begun))
    return begun


def login(username: str = "anna", password: str = PASSWORD) -> Any:
    body = {"username": username, "password": password}
    return Api().ok("POST", "user/login", body)["session"]


def whole(factor: SecondFactor, clock: Clock) -> Any:
    """A session of who showed password and code."""
    body = {"username": "anna", "password": PASSWORD, "otp": clock.next_code(factor)}
    return Api().ok("POST", "user/login:otp", body)["session"]
