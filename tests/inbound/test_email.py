"""A mail comes in: it is kept, read, and made a draft that a person looks at, if it is an order."""

import base64
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings

from integrations.core import letter
from integrations.inbound.email import order_of
from integrations.models import Email, File
from otms import documents
from otms.accounts.models import Platform
from otms.orders.models import TransportOrder
from otms.orders.serializers import TransportOrderSerializer
from tests.conftest import Api
from tests.core.test_letter_bounds import TEXTS
from tests.inbound.mails import BODY, CALL, VENDORS, Send, codes, mail

pytestmark = pytest.mark.django_db(transaction=True)


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
