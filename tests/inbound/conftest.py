"""An integration that takes rows and mails, and the calls that bring them."""

from collections.abc import Callable
from typing import Any

import pytest

from integrations.models import Credential, Integration
from otms.accounts.models import Platform
from tests import make
from tests.conftest import Api
from tests.inbound.mails import BODY, CALL, Send, mail

Bring = Callable[..., Any]


@pytest.fixture
def integration(platform: Platform) -> Integration:
    return make.integration(platform=platform, trigger=make.ALL_ACTIONS)


@pytest.fixture
def credential(integration: Integration) -> Api:
    """The integration itself as the caller."""
    return Api(Credential.generate(integration)[1]["token"])


@pytest.fixture
def bring(api: Api, integration: Integration) -> Bring:
    """Import rows; the answer."""

    def bring(*rows: Any, **more: Any) -> Any:
        body = {"integrationId": str(integration.pk), "data": list(rows), **more}
        return api.ok("POST", "integration/import/data", body)

    return bring


@pytest.fixture
def send(api: Api) -> Send:
    """Bring a mail in; the answer."""

    def send(body: str = BODY, **more: Any) -> Any:
        return api.ok("POST", CALL, mail(body, **more))

    return send
