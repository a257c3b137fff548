"""An order is saved; the other system gets it."""

from collections.abc import Callable

import pytest

from integrations.core import signing
from integrations.models import EntityChange, IntegrationObject, Log, RequestLog, Status
from otms.accounts.models import Platform
from tests import make
from tests.conftest import Api
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_order_posted_to_the_api_reaches_the_receiver(
    api: Api, platform: Platform, sink: Sink, run_queue: Callable[[], None]
) -> None:
    secret = signing.new_secret()
    integration = make.integration(sink.url("/ok"), platform=platform, secrets={"secret": secret})
    order = api.ok("POST", "transportOrder", {"name": "4711", "customer": {"name": "Acme Corp"}})[
        "transportOrder"
    ]
    run_queue()
    (received,) = sink.requests
    assert received.json() == {
        "erp_order_id": order["id"],
        "customer_name": "Acme Corp",
        "status": "requested",
        "created_date": order["createdAt"],
    }
    obj = IntegrationObject.objects.of(platform).get()
    assert obj.status == Status.SUCCESS
    assert received.headers["webhook-id"] == str(obj.uuid)
    assert received.headers["x-otms-sequence"] == str(obj.pk)
    assert signing.verify(
        secret,
        received.headers["webhook-id"],
        received.headers["webhook-timestamp"],
        received.body,
        received.headers["webhook-signature"],
    )
    assert EntityChange.objects.of(platform).filter(entity="transportOrder").count() == 1
    log = RequestLog.objects.of(platform).get()
    assert log.response_status == 200
    assert log.integration_id == integration.pk
    assert "v1," not in str(log.request_headers)
    assert [line.code for line in Log.objects.of(platform)] == ["delivered"]
