"""What an outside system shows, made and tried out."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from integrations.models import Integration
from integrations.models import credential as module
from tests.conftest import Api

GENERATE = "integration/generate/credentials"


MAPPING_TEST = "integration/dataSource/mapping:test"


def generate(api: Api, integration: Integration, **fields: Any) -> Any:
    return api.ok("POST", GENERATE, {"integrationId": str(integration.pk), **fields})["credentials"]


def works(shown: Any) -> bool:
    """Do token and pair open the own integration? Both or neither."""
    where = f"integration/{shown['integrationId']}"
    callers = (
        Api(shown["token"]),
        Api(**{"X-API-Key": shown["apiKey"], "X-API-Secret": shown["apiSecret"]}),
    )
    (status,) = {caller("GET", where).status_code for caller in callers}
    assert status in (200, 401)
    return bool(status == 200)


@contextmanager
def later(**passed: float) -> Iterator[None]:
    """What a credential looks like then."""
    moment = now() + timedelta(**passed)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "now", lambda: moment)
        yield


def listed(api: Api, integration: Integration) -> Any:
    return api.ok("GET", f"integration/{integration.pk}/credentials/0/20")["credentials"]
