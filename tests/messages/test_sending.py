"""An order becomes realized, and a mail is in the customer's mailbox: once."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.models import IntegrationObject, Status
from otms.orders.models import Event, TransportOrder
from tests import make
from tests.conftest import Api
from tests.messages.conftest import CUSTOMER
from tests.queue.conftest import Queue
from tests.sink.smtp import MailServer

pytestmark = pytest.mark.django_db(transaction=True)

# The two spellings, what then happens to a new order, and how many mails that is.
REALIZED = {"trigger": "transportOrder.status.realized"}
UPDATED = {
    "automationConfig": {"triggerType": "trigger", "triggerEvent": "afterUpdatingTransportOrder"}
}


def order(api: Api, **fields: Any) -> Any:
    body = {"name": "4711", "status": "planned", "customer": CUSTOMER, **fields}
    return api.ok("POST", "transportOrder", body)["transportOrder"]


def change(api: Api, made: Any, **fields: Any) -> None:
    api.ok("PUT", "transportOrder", {"id": made["id"], **fields})


def automate(api: Api, automation: dict[str, Any], **fields: Any) -> Any:
    made = api.ok("POST", "messageAutomation", {**automation, **fields})
    assert "warnings" not in made
    return made["messageAutomation"]


def test_the_customer_is_told_once(
    api: Api, automation: dict[str, Any], queue: Queue, mail: MailServer
) -> None:
    automate(api, automation)
    made = order(api)
    queue.run()
    assert not mail.letters
    change(api, made, status="realized")
    queue.run()
    change(api, made, description="signed by Bob")
    queue.run()
    (letter,) = mail.letters
    assert letter.recipients == ["ann@acme.example"]
    assert letter.message["Subject"] == "Order 4711 was delivered"
    assert letter.text == "Dear Acme Corp,\n\nyour order is realized.\n"


def test_an_order_that_begins_so_counts_too(
    api: Api, automation: dict[str, Any], queue: Queue, mail: MailServer
) -> None:
    automate(api, automation)
    order(api, status="realized")
    queue.run()
    assert len(mail.letters) == 1


@pytest.mark.parametrize(
    ("spelling", "mails"),
    [
        ({"trigger": "transportOrder.created"}, 1),
        ({"trigger": "transportOrder.updated"}, 2),
        ({"trigger": "transportOrder.deleted"}, 0),
        ({"automationConfig": {"triggerEvent": "afterCreatingTransportOrder"}}, 1),
        ({"trigger": None, **UPDATED}, 2),
        ({"trigger": "transportOrder.updated", **UPDATED}, 2),
    ],
)
def test_both_spellings_are_heard(
    api: Api,
    automation: dict[str, Any],
    queue: Queue,
    mail: MailServer,
    spelling: dict[str, Any],
    mails: int,
) -> None:
    given = {**automation, "trigger": None, **spelling}
    made = automate(api, given)
    assert {key: made[key] for key in spelling} == spelling
    first = order(api)
    change(api, first, status="actual")
    change(api, first, status="realized")
    queue.run()
    assert len(mail.letters) == mails


@pytest.mark.parametrize(
    "spelling",
    [
        {"trigger": "event.type.StartEngineEvent"},
        {"trigger": None, "automationConfig": {"triggerEvent": "afterStartEngineEvent"}},
    ],
)
def test_an_event_is_told_to_whom_it_is_said(
    api: Api,
    automation: dict[str, Any],
    queue: Queue,
    mail: MailServer,
    spelling: dict[str, Any],
) -> None:
    texts = {"subject": "Started {{event.transportOrder.name}}", "body": "{{event.dateTime}}"}
    automate(
        api,
        {**automation, **spelling},
        messageTemplate=texts,
        recipients=["Planning <plan@acme.example>"],
    )
    of = make.OrderFactory(platform=queue.platform, name="4711")
    for type in ("StartEngineEvent", "StopEngineEvent"):
        make.EventFactory(platform=queue.platform, type=type, transport_order=of)
    queue.run()
    (letter,) = mail.letters
    assert letter.recipients == ["plan@acme.example"]
    assert letter.message["Subject"] == "Started 4711"
    assert Event.objects.of(queue.platform).count() == 2


def test_what_is_off_sends_nothing(
    api: Api, automation: dict[str, Any], queue: Queue, mail: MailServer
) -> None:
    made = automate(api, automation)
    off = api.ok("PUT", "messageAutomation", {"id": made["id"], "enabled": False})
    assert off["messageAutomation"]["enabled"] is False
    order(api, status="realized")
    queue.run()
    api.ok("PUT", "integration", {"id": made["id"], "enabled": True})
    assert api.ok("GET", f"messageAutomation/{made['id']}")["messageAutomation"]["enabled"]
    order(api, status="realized", name="4712")
    queue.run()
    assert [letter.message["Subject"] for letter in mail.letters] == ["Order 4712 was delivered"]


def test_a_changed_template_is_what_is_sent(
    api: Api, automation: dict[str, Any], queue: Queue, mail: MailServer
) -> None:
    automate(api, automation)
    id = automation["messageTemplate"]["id"]
    api.ok("PUT", "messageTemplate", {"id": id, "subject": "Done: {{transportOrder.name}}"})
    order(api, status="realized")
    queue.run()
    assert mail.letters[0].message["Subject"] == "Done: 4711"


def test_another_platform_is_not_heard(
    api: Api, automation: dict[str, Any], queue: Queue, mail: MailServer
) -> None:
    automate(api, automation)
    other = make.UserFactory()
    order(Api(make.token(other)), status="realized")
    queue.run()
    assert not mail.letters


def test_nobody_to_write_to_is_an_error_that_says_so(
    api: Api, automation: dict[str, Any], queue: Queue, mail: MailServer
) -> None:
    made = automate(api, automation)
    order(api, status="realized", customer=None)
    queue.run()
    order(api, status="realized", customer={"name": "Without address"})
    queue.run()
    failed = list(queue.all)
    assert {each.status for each in failed} == {Status.ERROR}
    assert all("There is nobody to send to" in each.error for each in failed)
    # An address that is added now is one that support can send to.
    api.ok("PUT", "messageAutomation", {"id": made["id"], "recipients": ["plan@acme.example"]})
    api.ok("POST", f"integration/object/{failed[0].uuid}/requeue")
    queue.run()
    assert [letter.recipients for letter in mail.letters] == [["plan@acme.example"]]


def test_the_history_tells_who_got_what(
    api: Api, automation: dict[str, Any], queue: Queue, mail: MailServer
) -> None:
    made = automate(api, automation)
    sent = order(api)
    change(api, sent, status="realized")
    queue.run()
    mail.says = {"RCPT": "550 no such user"}
    order(api, status="realized", name="4712")
    queue.run()
    order(api, status="realized", name="4713", customer=None)
    where = f"messageAutomation/{made['id']}/history"
    told = api.ok("GET", f"{where}/0/20")
    waiting, refused, delivered = told["history"]
    assert told["totalResults"] == 3
    assert (waiting["status"], waiting["to"], waiting["subject"]) == ("QUEUE", [], "")
    assert refused["status"] == "ERROR"
    assert refused["to"] == ["ann@acme.example"]
    assert refused["subject"] == "Order 4712 was delivered"
    assert "550 no such user" in refused["error"]
    assert (delivered["status"], delivered["error"]) == ("SUCCESS", "")
    assert delivered["reference"] == "4711"
    assert delivered["finishedAt"]
    narrowed = api.ok("GET", f"{where}/0/20?status=SUCCESS")
    assert [each["id"] for each in narrowed["history"]] == [delivered["id"]]
    assert IntegrationObject.objects.of(queue.platform).count() == 4


def test_a_save_costs_the_same_with_many_automations(
    api: Api, automation: dict[str, Any], queue: Queue, mail: MailServer
) -> None:
    def queries(name: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            make.OrderFactory(platform=queue.platform, name=name, customer=None)
        return len(captured)

    automate(api, automation)
    one = queries("first")
    for number in range(3):
        automate(api, automation, name=f"again {number}")
    assert queries("second") == one
    assert TransportOrder.objects.of(queue.platform).count() == 2
