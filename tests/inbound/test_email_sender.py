"""Who sent a mail is the customer of its draft, if that can be told."""

import pytest

from integrations.models import Credential
from otms.accounts.models import Platform
from otms.orders.models import Business
from tests import make
from tests.conftest import Api
from tests.inbound.mails import CALL, Send, codes, mail

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_an_integration_sees_of_a_customer_no_more_than_its_name(platform: Platform) -> None:
    details = [{"type": "email", "value": "ann@example.com"}, {"type": "phone", "value": "0123"}]
    customer = make.BusinessFactory(
        platform=platform, name="Acme", coc="secret", contact_details=details
    )
    _, shown = Credential.generate(make.IntegrationFactory(platform=platform))
    order = Api(shown["token"]).ok("POST", CALL, mail())["transportOrder"]
    assert order["customer"] == {"id": str(customer.pk), "name": "Acme"}


@pytest.mark.parametrize(
    "sender",
    ["a@b.example, c@d.example", "a@b.example\nX: y", "a@b.example\r\nBcc: c@d.example", "none"],
)
def test_a_mail_comes_from_one_address(api: Api, sender: str) -> None:
    told = api.refused("POST", CALL, {**mail(), "from": sender})
    assert told["errors"][0]["field"] == "from"
