"""The workbench of an integration, for the tests of it."""

from types import SimpleNamespace

import pytest

from tests.admin.conftest import Browser
from tests.admin.workbench.bench import MAPPING, Bench


@pytest.fixture
def bench(own: SimpleNamespace, browser: Browser) -> Bench:
    source = own.integration.data_sources.get()
    source.mapping = MAPPING
    source.save()
    own.integration.filters = []
    own.integration.save()
    return Bench(browser, own.integration)
