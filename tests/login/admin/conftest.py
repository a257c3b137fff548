"""Who opens the admin."""

import pytest

from otms.accounts.models import User


@pytest.fixture
def anna(anna: User) -> User:
    anna.is_staff = True
    anna.save()
    return anna
