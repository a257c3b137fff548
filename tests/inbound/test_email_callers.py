"""Who may bring a mail, who sees it, and who hears of the order that it makes."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from integrations.models import (
    Credential,
    Email,
    EntityChange,
    Integration,
    IntegrationObject,
    Log,
)
from otms import documents
from otms.accounts.models import Platform
from tests import make
from tests.conftest import Api
from tests.inbound.mails import CALL, VENDORS, Send, mail
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_integration_brings_its_mails_and_does_not_hear_of_them(
    credential: Api,
    integration: Integration,
    platform: Platform,
    sink: Sink,
    run_queue: Callable[[], None],
) -> None:
    make.integration(sink.url(), platform=platform)
    answer = credential.ok("POST", CALL, mail(messageId="1@x"))
    assert answer["email"]["integrationId"] == str(integration.pk)
    change = EntityChange.objects.of(platform).get(entity="transportOrder")
    assert (change.origin, change.origin_integration) == ("import", integration)
    queue = IntegrationObject.objects.of(platform)
    assert not queue.filter(integration=integration).exists()
    run_queue()
    assert sink.stats()["delivered"] == 1
    line = Log.objects.of(platform).get(integration=integration, code="email_received")
    assert line.data["emailId"] == answer["email"]["id"]


def test_a_person_brings_a_mail_for_nobody_and_all_hear_of_it(
    send: Send, platform: Platform, sink: Sink, run_queue: Callable[[], None]
) -> None:
    make.integration(sink.url(), platform=platform)
    answer = send()
    assert answer["email"]["integrationId"] is None
    change = EntityChange.objects.of(platform).get(entity="transportOrder")
    assert (change.origin, change.action) == ("api", "created")
    assert change.after["consignments"][0]["goods"][0]["quantity"] == 20
    run_queue()
    assert sink.stats()["delivered"] == 1


def test_the_vendors_call_is_open_to_an_integration_too(credential: Api) -> None:
    assert credential.ok("PUT", VENDORS, mail())["email"]["status"] == "draft"


def test_an_integration_that_is_off_brings_nothing(
    credential: Api, integration: Integration, platform: Platform
) -> None:
    Integration.objects.of(platform).update(enabled=False)
    credential.refused("POST", CALL, mail(), code=409)
    assert not Email.objects.of(platform).exists()


def test_nobody_sees_the_mails_of_others(
    api: Api, credential: Api, send: Send, platform: Platform
) -> None:
    own = credential.ok("POST", CALL, mail(messageId="1@x"))
    path = f"{CALL}/{own['email']['id']}"
    assert credential.ok("GET", path) == api.ok("GET", path) == own
    other = Api(Credential.generate(make.integration(platform=platform))[1]["token"])
    foreign = Api(make.token(make.UserFactory()))
    for caller in (other, foreign):
        caller.refused("GET", path, code=404)
    theirs = send()["email"]["id"]
    credential.refused("GET", f"{CALL}/{theirs}", code=404)
    api.refused("GET", f"{CALL}/{uuid4()}", code=404)
    # Nor by bringing a mail with the same name.
    told = other.refused("POST", CALL, mail(messageId="1@x"), code=409)
    assert "4711" not in documents.dumps(told).decode()


def test_an_integration_hears_nothing_of_the_mails_of_others(
    send: Send, platform: Platform
) -> None:
    send(messageId="<first@example.com>")
    _, shown = Credential.generate(make.IntegrationFactory(platform=platform))
    answer = Api(shown["token"]).ok("POST", CALL, mail(inReplyTo="<first@example.com>"))
    assert answer["email"]["replyToId"] is None
    assert answer["email"]["status"] == "draft"
