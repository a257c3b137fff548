"""Mails come in: kept, read, and made drafts that a person looks at."""

import base64
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from hypothesis import given, settings

from integrations.core import letter
from integrations.inbound.email import Mail, order_of, receive
from integrations.models import (
    Credential,
    Email,
    EntityChange,
    File,
    Integration,
    IntegrationObject,
    Log,
)
from otms import documents
from otms.accounts.models import Platform
from otms.orders import saving
from otms.orders.models import Business, TransportOrder
from otms.orders.serializers import TransportOrderSerializer
from tests import make
from tests.conftest import Api
from tests.core.test_letter_bounds import TEXTS
from tests.orders.test_concurrency import at_once
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

CALL = "integration/email"
VENDORS = "transportOrder/mail/receiver"
BODY = "Pickup: 3011 AA Rotterdam, 24-03-2026\nDelivery: Köln\n20 EUR pallets, 12.400 kg"


def mail(body: str = BODY, **more: Any) -> dict[str, Any]:
    return {"from": "Ann <ann@example.com>", "subject": "Order 4711", "body": body, **more}


def codes(answer: Any) -> list[str]:
    return [each["code"] for each in answer["email"]["warnings"]]


@pytest.fixture
def send(api: Api) -> Callable[..., Any]:
    """Bring a mail in; the answer."""

    def send(body: str = BODY, **more: Any) -> Any:
        return api.ok("POST", CALL, mail(body, **more))

    return send


Send = Callable[..., Any]


def test_the_mail_of_the_guide_becomes_a_draft(send: Send, api: Api) -> None:
    answer = send("Please create an order for 20 pallets.", subject="New order")
    email, order = answer["email"], answer["transportOrder"]
    quantity = email["fields"]["consignments[0].goods[0].quantity"]
    assert quantity == {
        "value": 20,
        "confidence": 0.95,
        "part": "body",
        "span": [27, 29],
        "alternatives": [],
    }
    packaging = email["fields"]["consignments[0].goods[0].packagingMaterial"]
    assert (packaging["value"], packaging["confidence"]) == ("pallet", 0.95)
    assert (email["status"], email["verdict"]) == ("draft", "unverified")
    assert email["missing"] == ["pickup", "delivery", "date"]
    assert 0 < email["score"] < 0.5
    assert order["status"] == order["consignments"][0]["status"] == "concept"
    assert order["consignments"][0]["goods"][0]["quantity"] == 20
    assert api.ok("GET", f"transportOrder/{order['id']}")["transportOrder"] == order
    assert email["transportOrderId"] == order["id"]


@pytest.mark.parametrize(("method", "path"), [("POST", CALL), ("PUT", VENDORS)])
def test_both_calls_do_the_same(api: Api, method: str, path: str) -> None:
    made = api.ok(method, path, mail())["transportOrder"]
    (consignment,) = made["consignments"]
    assert made["name"] == made["referenceDescription"] == "4711"
    assert made["description"] == BODY
    assert made["externalAttributes"] == {"references": ["4711"]}
    assert consignment["originalPhysicalSender"] == {
        "city": "Rotterdam",
        "postalCode": "3011 AA",
        "country": "NL",
    }
    assert consignment["originalPhysicalAddressee"] == {"city": "Köln"}
    assert consignment["externalAttributes"] == {"pickup": {"date": "2026-03-24"}}
    (goods,) = consignment["goods"]
    assert goods["packagingMaterial"] == goods["description"] == "EUR pallet"
    assert goods["weight"] == {"value": 12400, "unit": "kg"}


def test_the_vendors_call_has_three_fields(api: Api) -> None:
    told = api.refused("PUT", VENDORS, mail(messageId="<a@b>"))
    assert told["errors"][0]["field"] == "messageId"


def test_every_span_of_the_answer_points_into_the_mail(send: Send) -> None:
    email = send()["email"]
    texts = {"body": email["text"], "subject": email["subject"]}
    found = {
        path.rpartition(".")[2]: texts[each["part"]][slice(*each["span"])]
        for path, each in email["fields"].items()
    }
    assert email["text"] == BODY
    assert found["quantity"] == "20"
    assert found["weight"] == "12.400 kg"
    assert found["references[0]"] == "4711"
    assert "ambiguous" in codes({"email": email})


def test_a_confidence_has_two_digits(send: Send) -> None:
    fields = send("20 pallets, 5-6-2030")["email"]["fields"].values()
    sure = [each["confidence"] for each in fields]
    sure += [other["confidence"] for each in fields for other in each["alternatives"]]
    assert 0.8 in sure
    assert sure == [round(each, 2) for each in sure]


def test_what_was_not_used_is_a_warning_with_its_place(send: Send) -> None:
    answer = send("20 pallets, 400 kg; 20 kg of film", subject="30 pallets")
    told = [each for each in answer["email"]["warnings"] if each["code"] == "unread"]
    assert [(each["field"], each["span"]) for each in told] == [
        ("body", [20, 25]),
        ("subject", [0, 10]),
    ]
    assert '"20 kg"' in told[0]["message"]


def test_the_mail_is_kept_as_it_came(send: Send, platform: Platform) -> None:
    body = "<p>20&nbsp;pallets</p>\r\n"
    email = send(body, to=["in@example.com"], messageId="<1@x>")["email"]
    assert email["text"] == "20 pallets"
    assert email["fields"]["consignments[0].goods[0].quantity"]["span"] == [0, 2]
    kept = Email.objects.of(platform).get()
    assert (kept.body, kept.sender, kept.address) == (
        body,
        "Ann <ann@example.com>",
        "ann@example.com",
    )
    assert (kept.recipients, kept.message_id) == (["in@example.com"], "1@x")


# Who sends it.


def business(platform: Platform, *values: str) -> Business:
    details = [{"type": "email", "value": value} for value in values]
    return make.BusinessFactory(platform=platform, contact_details=details)


def test_the_sender_is_the_customer_when_one_business_has_the_address(
    send: Send, platform: Platform
) -> None:
    business(platform, "joann@example.com", "ann@example.com.evil.example")
    ann = business(platform, "info@example.com", " Ann@Example.com")
    business(make.PlatformFactory(), "ann@example.com")
    answer = send()
    assert answer["transportOrder"]["customer"]["id"] == str(ann.pk)
    assert "unknown_sender" not in codes(answer)


@pytest.mark.parametrize(("count", "code"), [(0, "unknown_sender"), (2, "ambiguous_sender")])
def test_without_exactly_one_there_is_no_customer(
    send: Send, platform: Platform, count: int, code: str
) -> None:
    for _ in range(count):
        business(platform, "ann@example.com")
    answer = send()
    assert answer["transportOrder"]["customer"] is None
    assert code in codes(answer)


@pytest.mark.parametrize(
    "line",
    [
        "Van: Piet <Planning@Jansen.example>",
        "> Von: planning@jansen.example",
        "*From:* Piet (mailto:planning@jansen.example)",
        "From: Bob <bob@example.com>\n\nFrom: Piet <planning@jansen.example>",
    ],
)
def test_who_wrote_a_forwarded_mail_is_the_customer(
    send: Send, platform: Platform, line: str
) -> None:
    piet = business(platform, "planning@jansen.example")
    answer = send(f"See below.\n\n{line}\nSubject: order\n\n20 pallets")
    assert answer["transportOrder"]["customer"]["id"] == str(piet.pk)
    assert "unknown_sender" not in codes(answer)
    (told,) = [each for each in answer["email"]["warnings"] if each["code"] == "forwarded_sender"]
    assert told["field"] == "from"
    assert "ann@example.com" in told["message"]
    assert "planning@jansen.example" in told["message"]
    assert answer["email"]["from"] == "Ann <ann@example.com>"


@pytest.mark.parametrize("known", [[], ["ann@example.com"], ["bob@example.com"] * 2])
def test_a_forwarded_address_counts_only_where_the_sender_is_unknown(
    send: Send, platform: Platform, known: list[str]
) -> None:
    for each in known:
        business(platform, each)
    answer = send("From: Bob <bob@example.com>\nSubject: order\n\n20 pallets to bob@example.com")
    assert "forwarded_sender" not in codes(answer)
    assert ("unknown_sender" in codes(answer)) is ("ann@example.com" not in known)


# Once.


def test_the_same_message_makes_nothing_new(send: Send, api: Api, platform: Platform) -> None:
    first = send(messageId=" <1@x> ")
    again = send("30 boxes", messageId="1@x")
    assert again["email"] == first["email"]
    assert again["transportOrder"] == first["transportOrder"]
    assert [each["code"] for each in again["warnings"]] == ["known"]
    assert "warnings" not in first
    assert TransportOrder.objects.of(platform).count() == 1


def test_the_message_of_another_platform_is_another(send: Send, platform: Platform) -> None:
    first = send(messageId="1@x")
    other = make.UserFactory()
    second = Api(make.token(other)).ok("POST", CALL, mail("3 boxes", messageId="1@x"))
    assert second["email"]["id"] != first["email"]["id"]
    assert "warnings" not in second
    assert TransportOrder.objects.of(platform).count() == 1


def test_without_a_message_id_each_is_a_new_one_and_says_so(send: Send, platform: Platform) -> None:
    assert "no_message_id" in codes(send())
    assert "no_message_id" in codes(send())
    assert TransportOrder.objects.of(platform).count() == 2
    assert "no_message_id" not in codes(send(messageId="1@x"))


@pytest.mark.parametrize(("method", "path"), [("POST", CALL), ("PUT", VENDORS)])
def test_a_key_makes_one_order(api: Api, platform: Platform, method: str, path: str) -> None:
    headers = {"Idempotency-Key": "once"}
    first, again = (api(method, path, mail(), headers=headers) for _ in range(2))
    assert first.content == again.content
    assert again["Idempotency-Replayed"] == "true"
    assert TransportOrder.objects.of(platform).count() == 1


@pytest.mark.services
def test_many_at_once_make_one_order(api: Api, platform: Platform) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    for number in range(3):
        body = mail(messageId=f"{number}@x")
        answers = at_once(4, lambda body=body: api.ok("POST", CALL, body))
        assert len({each["email"]["id"] for each in answers}) == 1
        assert len({each["transportOrder"]["id"] for each in answers}) == 1
    assert TransportOrder.objects.of(platform).count() == 3


def test_a_failure_of_the_database_leaves_nothing_behind(
    api: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise OperationalError("the disk is full")

    monkeypatch.setattr(saving, "_write", broken)
    with pytest.raises(OperationalError):
        receive(platform, None, Mail("a@x.example", "a@x.example", "", BODY), "a script")
    attached = [{"name": "a.txt", "content": "YQ=="}]
    api.refused("POST", CALL, mail(messageId="1@x", attachments=attached), code=503)
    assert not Email.objects.of(platform).exists()
    assert not File.objects.of(platform).exists()
    monkeypatch.undo()
    assert api.ok("POST", CALL, mail(messageId="1@x"))["email"]["status"] == "draft"


# What is no order.


def test_a_reply_makes_no_second_order(send: Send, platform: Platform) -> None:
    first = send(messageId="<1@x>")
    text = "Make it 22 pallets.\n\nOn Mon, 2 Mar 2026, planning wrote:\n> 20 EUR pallets"
    reply = send(text, messageId="2@x", inReplyTo="<other@y> <1@x>")
    assert reply["transportOrder"] is None
    email = reply["email"]
    assert (email["status"], codes(reply)[0]) == ("review", "reply")
    assert email["replyToId"] == first["email"]["id"]
    assert email["transportOrderId"] == first["transportOrder"]["id"]
    assert email["fields"]["consignments[0].goods[0].quantity"]["value"] == 22
    assert "consignments[0].goods[1].quantity" not in email["fields"]
    # An answer to the answer is about the same order.
    next_one = send("ok", inReplyTo="2@x")["email"]
    assert next_one["transportOrderId"] == first["transportOrder"]["id"]
    assert TransportOrder.objects.of(platform).count() == 1


def test_an_answer_to_a_mail_that_we_never_had_is_read_whole(send: Send) -> None:
    text = "See below.\n\n-----Original Message-----\nFrom: Bob\nSent: Monday\n\n20 pallets"
    answer = send(text, inReplyTo="<unknown@y>")
    assert answer["email"]["status"] == "draft"
    assert answer["transportOrder"]["consignments"][0]["goods"][0]["quantity"] == 20


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"body": "How are you?", "subject": "hello"}, "review", "nothing_found"),
        ({"body": " \n", "subject": ""}, "ignored", "empty"),
        ({"subject": "Automatic reply: order"}, "ignored", "automatic"),
        ({"from": "MAILER-DAEMON@example.com"}, "ignored", "automatic"),
    ],
)
def test_what_is_no_order_is_kept_and_says_why(
    send: Send, platform: Platform, more: dict[str, str], status: str, code: str
) -> None:
    answer = send(**more)
    assert answer["transportOrder"] is None
    assert (answer["email"]["status"], codes(answer)[0]) == (status, code)
    assert not TransportOrder.objects.of(platform).exists()
    assert Email.objects.of(platform).count() == 1


def test_a_very_long_mail_is_kept_whole_and_its_beginning_read(
    send: Send, platform: Platform
) -> None:
    answer = send("20 pallets" + " " * 100_000 + "3 boxes")
    assert "long" in codes(answer)
    assert len(answer["transportOrder"]["consignments"][0]["goods"]) == 1
    assert len(Email.objects.of(platform).get().body) == 100_017


@given(TEXTS, TEXTS)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_whatever_is_found_makes_an_order_that_can_be_saved(body: str, subject: str) -> None:
    email = Email(subject=subject, body=body)
    made = order_of(email, letter.read(body, subject, date(2026, 3, 20)), None)
    reader = TransportOrderSerializer(data=documents.loads(documents.dumps(made)))
    assert reader.is_valid(), reader.errors
    assert reader.warnings() == []


# Attachments.


def attached(name: str, content: bytes) -> dict[str, str]:
    return {
        "name": name,
        "contentType": "text/plain",
        "content": base64.encodebytes(content).decode(),
    }


def test_attachments_are_kept_as_files_and_not_read(
    send: Send, api: Api, platform: Platform
) -> None:
    table = b"order;pallets\n4711;20\n"
    answer = send(
        "see attachment",
        attachments=[attached("..\\..\\etc/ord\u202eers.csv", table), attached("a/..", b"")],
    )
    assert answer["email"]["status"] == "review"
    assert "not_read" in codes(answer)
    first, second = answer["email"]["attachments"]
    assert (first["name"], first["format"], first["size"]) == ("orders.csv", "csv", len(table))
    assert (second["name"], second["size"]) == ("attachment", 0)
    kept = File.objects.of(platform).get(pk=first["id"])
    assert (bytes(kept.content), kept.purpose) == (table, "email")
    assert api.ok("GET", f"integration/file/{first['id']}")["file"]["delimiter"] == ";"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"from": "nobody"}, "from"),
        ({"from": "@"}, "from"),
        ({"body": None}, "body"),
        ({"body": "x" * 500_001}, "body"),
        ({"subject": "x" * 1001}, "subject"),
        ({"to": [1]}, "to"),
        ({"messageId": "x" * 501}, "messageId"),
        ({"attachments": [{"name": "a", "content": "no base64!"}]}, "attachments[0].content"),
        ({"attachments": [{"name": "a", "content": ""}] * 21}, "attachments"),
        ({"text": "20 pallets"}, "text"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_kept(
    api: Api, platform: Platform, more: dict[str, Any], field: str
) -> None:
    assert api.refused("POST", CALL, mail(**more))["errors"][0]["field"] == field
    assert not Email.objects.of(platform).exists()


# Who brings it, and who hears of it.


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


def test_the_mail_outlives_its_order(send: Send, api: Api) -> None:
    made = send()
    api.ok("DELETE", f"transportOrder/{made['transportOrder']['id']}")
    again = api.ok("GET", f"{CALL}/{made['email']['id']}")
    assert again["transportOrder"] is None
    assert again["email"] == made["email"]


def test_a_fault_of_ours_does_not_lose_the_mail(
    api: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("integrations.core.letter.read", breaks)
    mail = {"from": "a@b.example", "subject": "Order", "body": "20 pallets"}
    answer = api.ok("POST", "integration/email", mail)
    assert (answer["email"]["status"], answer["transportOrder"]) == ("review", None)
    assert [each["code"] for each in answer["email"]["warnings"]] == ["failed"]
    assert not TransportOrder.objects.of(platform).exists()
    assert Email.objects.of(platform).get().body == "20 pallets"


def test_an_integration_sees_of_a_customer_no_more_than_its_name(platform: Platform) -> None:
    details = [{"type": "email", "value": "ann@example.com"}, {"type": "phone", "value": "0123"}]
    customer = make.BusinessFactory(
        platform=platform, name="Acme", coc="secret", contact_details=details
    )
    _, shown = Credential.generate(make.IntegrationFactory(platform=platform))
    order = Api(shown["token"]).ok("POST", CALL, mail())["transportOrder"]
    assert order["customer"] == {"id": str(customer.pk), "name": "Acme"}


def test_an_integration_hears_nothing_of_the_mails_of_others(
    send: Send, platform: Platform
) -> None:
    send(messageId="<first@example.com>")
    _, shown = Credential.generate(make.IntegrationFactory(platform=platform))
    answer = Api(shown["token"]).ok("POST", CALL, mail(inReplyTo="<first@example.com>"))
    assert answer["email"]["replyToId"] is None
    assert answer["email"]["status"] == "draft"


@pytest.mark.parametrize(
    "sender",
    ["a@b.example, c@d.example", "a@b.example\nX: y", "a@b.example\r\nBcc: c@d.example", "none"],
)
def test_a_mail_comes_from_one_address(api: Api, sender: str) -> None:
    told = api.refused("POST", CALL, {**mail(), "from": sender})
    assert told["errors"][0]["field"] == "from"
