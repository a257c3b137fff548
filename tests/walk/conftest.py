"""Two platforms, and a walk through one of them, as often and as refused as it may be."""

import logging
from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from tests.walk import furnished
from tests.walk.walking import Walk


@pytest.fixture(autouse=True)
def no_limits(settings: LazySettings) -> None:
    settings.OTMS_CALLER_RATE = settings.OTMS_HEAVY_RATE = settings.OTMS_NOBODY_RATE = None


@pytest.fixture(autouse=True)
def no_news() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def walk(db: None) -> Walk:
    return Walk(furnished.platform("own"), furnished.platform("foreign"))
