"""Who logs in, and time that passes."""

from typing import Any

import pytest

from otms.accounts.models import FailedTries, Platform, User
from tests import make
from tests.conftest import Api

PASSWORD = "a long and quiet word"


@pytest.fixture
def anna(platform: Platform) -> User:
    return make.UserFactory(platform=platform, username="anna", password=PASSWORD)  # type: ignore[no-any-return]


def attempt(username: str, password: str, address: str = "127.0.0.1") -> Any:
    body = {"username": username, "password": password}
    return Api()("POST", "user/login", body, REMOTE_ADDR=address)


def minutes_pass(minutes: float) -> None:
    """What failed, failed longer ago."""
    for row in FailedTries.objects.all():
        row.times = [each - minutes * 60 for each in row.times]
        row.save()
