"""What stands in a quote, or is only forwarded."""

import pytest

from tests.core.letters import read, values

HEAD = "From: Bob <bob@x.example>\nSent: Monday\nTo: planning\nSubject: transport\n\n"


@pytest.mark.parametrize(
    "begin", ["-----Original Message-----\n", HEAD, "On Mon, 2 Mar 2026, Bob wrote:\n", "> "]
)
def test_what_stands_in_a_quote_below_goods_is_in_doubt(begin: str) -> None:
    found = read(f"22 pallets\n\n{begin}20 boxes, 400 kg\nPickup: 3011 AA Rotterdam")
    sure = {path: each.confidence for path, each in found.fields.items()}
    assert sure.pop("consignments[0].goods[0].quantity") > 0.9
    assert sure.pop("consignments[0].goods[0].packagingMaterial") > 0.9
    assert len(sure) == 6
    assert max(sure.values()) == 0.3
    assert [(each.field, each.code) for each in found.problems] == [
        ("consignments[0].goods[1]", "quoted"),
        ("consignments[0].originalPhysicalSender", "quoted"),
    ]


@pytest.mark.parametrize("begin", ["-----Forwarded-----\n" + HEAD, HEAD, "> Hello,\n> "])
def test_what_is_only_forwarded_is_the_order(begin: str) -> None:
    found = read(f"See below, please.\n\n{begin}20 boxes, 400 kg")
    assert {each.confidence for each in found.fields.values()} == {0.95}
    assert found.problems == []


def test_the_mail_that_was_forwarded_may_quote_as_well() -> None:
    found = read(f"See below.\n\n{HEAD}20 boxes\n\n{HEAD}3 drums")
    sure = [found.fields[f"consignments[0].goods[{n}].quantity"].confidence for n in (0, 1)]
    assert sure == [0.95, 0.3]


def test_the_head_of_a_forwarded_mail_is_no_order() -> None:
    found = read(
        "From: Jane <jane@x.example>\nSent: 12 March 2026 10:11\nTo: planning\n"
        "Subject: FW: transport 12 pallets\n\n6 pallets from Gent to Lille, 25/03/2026"
    )
    assert values(found)["G.quantity"] == 6
    assert values(found)["X.date"] == "2026-03-25"
