"""What a letter asks for: mails as people write them, and texts that nobody should send."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from integrations.core import letter
from integrations.core.letter import Letter, Notice

FRIDAY = date(2026, 3, 20)
SHORT = {
    "C": "consignments[0]",
    "G": "consignments[0].goods[0]",
    "H": "consignments[0].goods[1]",
    "P": "consignments[0].originalPhysicalSender",
    "D": "consignments[0].originalPhysicalAddressee",
    "X": "consignments[0].externalAttributes",
    "R": "externalAttributes",
}


def read(body: str, subject: str = "") -> Letter:
    return letter.read(body, subject, FRIDAY)


def values(found: Letter) -> dict[str, Any]:
    """The values by paths in short."""
    made = {}
    for path, each in found.fields.items():
        key, start = max(
            ((key, start) for key, start in SHORT.items() if path.startswith(start)),
            key=lambda pair: len(pair[1]),
        )
        made[key + path.removeprefix(start)] = each.value
    return made


def kg(value: Any) -> dict[str, Any]:
    return {"value": value, "unit": "kg"}


def test_the_mail_of_the_guide_is_twenty_pallets_and_no_whole_order() -> None:
    found = read("Please create an order for 20 pallets.", "New transport order")
    assert values(found) == {"G.quantity": 20, "G.packagingMaterial": "pallet"}
    assert {each.confidence for each in found.fields.values()} == {0.95}
    assert found.missing == ["pickup", "delivery", "date"]
    assert found.useful
    assert found.order() == {
        "consignments": [{"goods": [{"quantity": 20, "packagingMaterial": "pallet"}]}]
    }


ENGLISH = """Dear team,

please collect 24 EUR pallets of machine parts (11,500 kg, 9.6 ldm, 28 m3):

Pickup address:
Acme BV
Havenstraat 12
3011 AA Rotterdam
Netherlands
Date: 24-03-2026 08:00-12:00

Delivery address:
Müller GmbH
Industriestrasse 5a
50825 Köln, Germany
26 March 2026 before 14:00

Reference: PO-4711/A
Temperature 2-8 °C, ADR class 3 UN1203

Kind regards,
John, Acme BV, Postbus 12, 3000 AB Delft
Tel +31 10 123 45 67
"""
DUTCH = """Goedemorgen,

Graag morgen laden in Venlo en donderdag 26 maart lossen in Keulen (DE) tussen 8 en 12 uur.
Het gaat om 13 pallets à 450 kg, 5,2 laadmeter en 3 dozen met drukwerk. Geen ADR.
Onze ref 2026-0815.

Mvg, Jan
"""
GERMAN = """Guten Morgen,

bitte 33 Europaletten, 24 t, 13,6 Lademeter.
Ladestelle: Lager Süd, Hafenweg 3, D-47119 Duisburg, 24.03. 7-15 Uhr
Entladestelle: Spedition Huber GmbH, Ringstr. 9, A-1010 Wien, 25.03.2026
Auftragsnr. 4500012345

Mit freundlichen Grüßen
"""
ENGLISH_FIELDS = {
    "G.quantity": 24,
    "G.packagingMaterial": "EUR pallet",
    "G.description": "machine parts",
    "G.weight": kg(11500),
    "G.loadMeters": Decimal("9.6"),
    "G.externalAttributes.volume": {"value": 28, "unit": "m3"},
    "G.externalAttributes.temperature": {"min": 2, "max": 8, "unit": "C"},
    "G.adr.unNumbers[0]": "1203",
    "G.adr.class": "3",
    "G.adr.dangerous": True,
    "P.name": "Acme BV",
    "P.street": "Havenstraat 12",
    "P.postalCode": "3011 AA",
    "P.city": "Rotterdam",
    "P.country": "NL",
    "D.name": "Müller GmbH",
    "D.street": "Industriestrasse 5a",
    "D.postalCode": "50825",
    "D.city": "Köln",
    "D.country": "DE",
    "X.pickup.date": "2026-03-24",
    "X.pickup.from": "08:00",
    "X.pickup.until": "12:00",
    "X.delivery.date": "2026-03-26",
    "X.delivery.until": "14:00",
    "R.references[0]": "PO-4711/A",
}
DUTCH_FIELDS = {
    "G.quantity": 13,
    "G.packagingMaterial": "pallet",
    "G.weight": kg(5850),
    "G.loadMeters": Decimal("5.2"),
    "H.quantity": 3,
    "H.packagingMaterial": "box",
    "H.description": "drukwerk",
    "P.city": "Venlo",
    "D.city": "Keulen",
    "D.country": "DE",
    "X.pickup.date": "2026-03-21",
    "X.delivery.date": "2026-03-26",
    "X.delivery.from": "08:00",
    "X.delivery.until": "12:00",
    "R.references[0]": "2026-0815",
}
GERMAN_FIELDS = {
    "G.quantity": 33,
    "G.packagingMaterial": "EUR pallet",
    "G.weight": {"value": 24, "unit": "t"},
    "G.loadMeters": Decimal("13.6"),
    "P.name": "Lager Süd",
    "P.street": "Hafenweg 3",
    "P.postalCode": "47119",
    "P.city": "Duisburg",
    "P.country": "DE",
    "D.name": "Spedition Huber GmbH",
    "D.street": "Ringstr. 9",
    "D.postalCode": "1010",
    "D.city": "Wien",
    "D.country": "AT",
    "X.pickup.date": "2026-03-24",
    "X.pickup.from": "07:00",
    "X.pickup.until": "15:00",
    "X.delivery.date": "2026-03-25",
    "R.references[0]": "4500012345",
}
MAILS = [(ENGLISH, ENGLISH_FIELDS), (DUTCH, DUTCH_FIELDS), (GERMAN, GERMAN_FIELDS)]


@pytest.mark.parametrize(("body", "fields"), MAILS, ids=["english", "dutch", "german"])
def test_a_whole_mail(body: str, fields: dict[str, Any]) -> None:
    found = read(body)
    assert values(found) == fields
    assert found.missing == []
    assert found.score > 0.5
    # The same with the line ends of mails.
    assert values(read(body.replace("\n", "\r\n"))) == fields


LINES: list[tuple[str, dict[str, Any]]] = [
    # Pieces and packaging.
    ("20x pallet", {"G.quantity": 20, "G.packagingMaterial": "pallet"}),
    ("1.200 colli", {"G.quantity": 1200, "G.packagingMaterial": "colli"}),
    ("Pallets: 8", {"G.quantity": 8, "G.packagingMaterial": "pallet"}),
    ("twelve IBCs", {"G.quantity": 12, "G.packagingMaterial": "IBC"}),
    ("ca. 6 stapelbare Europaletten", {"G.quantity": 6, "G.packagingMaterial": "EUR pallet"}),
    ("0 pallets", {}),
    ("20 to 22 pallets", {"G.quantity": 22, "G.packagingMaterial": "pallet"}),  # and no 20 t
    ("open from 8 to 12", {}),
    ("room 20, palletised", {}),
    # Weights and measures.
    ("2 pallets, 450 kg per pallet", {"G.quantity": 2, "G.packagingMaterial": "pallet",
                                      "G.weight": kg(900)}),
    ("total weight 1.250,50 kg", {"G.weight": kg(Decimal("1250.50"))}),
    ("Gewicht (kg): 800", {"G.weight": kg(800)}),
    ("brutto 3.200,5 kg", {"G.grossWeight": kg(Decimal("3200.5"))}),
    ("13.6 ldm", {"G.loadMeters": Decimal("13.6")}),  # and not the 13th of June
    ("dims 120x80x150 cm", {}),
    ("5 colli\n2 boxes\n80 kg", {"G.quantity": 5, "G.packagingMaterial": "colli",
                                 "H.quantity": 2, "H.packagingMaterial": "box",
                                 "X.weight": kg(80)}),
    # Cold, and dangerous.
    ("-18 °C", {"G.externalAttributes.temperature": {"min": -18, "max": -18, "unit": "C"}}),
    ("at  0 °", {"G.externalAttributes.temperature": {"min": 0, "max": 0, "unit": "C"}}),
    ("+2/+8 graden", {"G.externalAttributes.temperature": {"min": 2, "max": 8, "unit": "C"}}),
    ("UN 1993 kl. 3", {"G.adr.unNumbers[0]": "1993", "G.adr.class": "3", "G.adr.dangerous": True}),
    ("5 colli UN 1203 + UN 1993\n2 boxes UN 1263\nUN 1950", {
        "G.quantity": 5, "G.packagingMaterial": "colli", "G.adr.unNumbers[0]": "1203",
        "G.adr.unNumbers[1]": "1993", "G.adr.dangerous": True,
        "H.quantity": 2, "H.packagingMaterial": "box", "H.adr.unNumbers[0]": "1263",
        "X.adr.unNumbers[0]": "1950"}),
    ("geen ADR", {}),
    ("ADR: nein", {}),
    ("Is it ADR? It is not ADR.", {}),
    # References.
    ("PO 4711", {"R.references[0]": "4711"}),
    ("Your ref.: AB/12-3.", {"R.references[0]": "AB/12-3"}),
    ("order of 24-03-2026", {"X.date": "2026-03-24"}),
    ("order for you", {}),
    ("order 24-03-2026", {"X.date": "2026-03-24"}),
    ("mail order1234@acme.example", {}),
    # Days.
    ("on 2026-04-01", {"X.date": "2026-04-01"}),
    ("24/3", {"X.date": "2026-03-24"}),
    ("5 Jan", {"X.date": "2027-01-05"}),  # the next one
    ("March 24th, 2026", {"X.date": "2026-03-24"}),
    ("31-02-2026", {}),
    ("available 24/7", {}),
    ("Morgen Jan,\nhoi", {}),
    ("Guten Morgen!", {}),
    # Ways.
    ("from Rotterdam to Berlin", {"P.city": "Rotterdam", "D.city": "Berlin"}),
    ("from you to me", {}),
    ("4 pallets to Antwerp", {"G.quantity": 4, "G.packagingMaterial": "pallet",
                              "D.city": "Antwerp"}),
    ("Greetings to Peter", {}),
    ("in Venlo laden und in Köln entladen", {"P.city": "Venlo", "D.city": "Köln"}),
    ("Pickup on 24/3 in 's-Hertogenbosch", {"P.city": "'s-Hertogenbosch",
                                            "X.pickup.date": "2026-03-24"}),
    ("Pickup: Manchester M1 1AE", {"P.city": "Manchester", "P.postalCode": "M1 1AE",
                                   "P.country": "GB"}),
    ("Lossen: Alphen aan den Rijn", {"D.city": "Alphen aan den Rijn"}),
    ("On Mon, 2 Mar 2026 at 10:00, Ann wrote:\n> no", {}),
    ("Van: Gent\nNaar: Lille", {"P.city": "Gent", "D.city": "Lille"}),
    ("Delivery 26-03-2026 08:00-12:00", {"X.delivery.date": "2026-03-26",
                                         "X.delivery.from": "08:00", "X.delivery.until": "12:00"}),
    ("Pickup between 9 and 11 am", {"X.pickup.from": "09:00", "X.pickup.until": "11:00"}),
    ("Collection of pallets", {}),
    *((f"Deliver {by}", {"X.delivery.date": "2026-03-27", "X.delivery.until": "16:00"}) for by in (
        "by Friday 4pm", "before Friday 16:00", "before 27-03-2026, at 16:00", "by 27 March 4 pm",
        "no later than Friday 16:00", "uiterlijk vrijdag 16 uur", "voor vrijdag om 16:00",
        "bis Freitag 16 Uhr", "spätestens am Freitag um 16 Uhr", "bis zum 27.03. 16 Uhr")),
    ("Deliver by truck on Friday 4pm", {"X.delivery.date": "2026-03-27",
                                        "X.delivery.from": "16:00"}),
    ("Deliver Friday after 4pm", {"X.delivery.date": "2026-03-27", "X.delivery.from": "16:00"}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "fields"), LINES, ids=[body[:30] for body, _ in LINES])
def test_a_line(body: str, fields: dict[str, Any]) -> None:
    assert values(read(body)) == fields


@pytest.mark.parametrize(
    ("body", "path", "value", "others"),
    [
        ("12.400 kg", "G.weight", kg(12400), [kg(Decimal("12.400"))]),
        ("20 pallets, 12.400 kg", "G.weight", kg(12400), [kg(Decimal("12.400"))]),
        ("2 pallets, 1,250 t", "G.weight", {"value": Decimal("1.250"), "unit": "t"},
         [{"value": 1250, "unit": "t"}]),
        ("on 05/04", "X.date", "2026-04-05", ["2026-05-04"]),
        ("Friday 05/04", "X.date", "2026-04-05", ["2026-05-04"]),  # neither is one
        ("20-22 pallets", "G.quantity", 22, [20]),
        ("24-26 March", "X.date", "2026-03-24", ["2026-03-26"]),
        ("Friday", "X.date", "2026-03-27", ["2026-03-20"]),
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_marked(
    body: str, path: str, value: Any, others: list[Any]
) -> None:
    found = read(body)
    whole = path.replace(path[0], SHORT[path[0]], 1)
    field = found.fields[whole]
    assert (field.value, [other for other, _ in field.alternatives]) == (value, others)
    assert field.confidence < 0.9
    assert [(each.field, each.code) for each in found.problems] == [(whole, "ambiguous")]


@pytest.mark.parametrize(
    ("body", "day"),
    [
        ("5-12-2026", "2026-12-05"),  # and not May, which is over
        ("12/5/2026", "2026-12-05"),
        ("woensdag 2/12", "2026-12-02"),
        ("Wednesday, 12/2", "2026-12-02"),
        ("wo. 2/12", "2026-12-02"),
        ("2/12 (Wednesday)", "2026-12-02"),
        ("Friday 2/12", "2027-02-12"),
        ("Wed the 2/12/2026", "2026-12-02"),
        ("10/11/2026 (Tuesday)", "2026-11-10"),  # it is over, but it is the one
        ("23-25 November", "2026-11-25"),
    ],
)
def test_a_weekday_or_the_past_decides_between_two_days(body: str, day: str) -> None:
    found = letter.read(body, "", date(2026, 11, 24))
    assert found.fields["consignments[0].externalAttributes.date"].value == day
    assert found.problems == []


def test_the_subject_tells_what_the_body_leaves_out() -> None:
    found = read("12 pallets please, PO 4711", "20 pallets from Gent to Lille, order 88123")
    assert values(found) == {
        "G.quantity": 12,
        "G.packagingMaterial": "pallet",
        "P.city": "Gent",
        "D.city": "Lille",
        "R.references[0]": "4711",
        "R.references[1]": "88123",
    }
    parts = {path.rpartition(".")[2]: each.part for path, each in found.fields.items()}
    assert parts["quantity"] == "body"
    assert {parts["city"], parts["references[1]"]} == {"subject"}


def test_a_second_place_of_pickup_is_told() -> None:
    found = read("Pickup: 3011 AA Rotterdam\nPickup: 1012 AB Amsterdam\nDelivery: 75001 Paris")
    assert [each.code for each in found.problems] == ["several_places", "unread"]
    assert values(found)["P.city"] == "Rotterdam"


def unread(found: Letter, body: str, subject: str = "") -> list[str]:
    """What is said to be seen and not used."""
    texts = {"body": body, "subject": subject}
    notices = [each for each in found.problems if isinstance(each, Notice)]
    assert {each.code for each in notices} <= {"unread"}
    return [texts[each.field][slice(*each.span)] for each in notices]


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("10 IBC 10.800 kg; 4 EPAL 1.920,5 kg; Gesamt 12.720,5 kg", ["12.720,5 kg"]),
        ("10 | IBC | 10.800 kg\n4 | EPAL | 900 kg", ["10 | IBC", "4 | EPAL", "900 kg"]),
        ("IBC\t10\t10.800 kg", ["IBC\t10"]),
        ("5 colli, 3 m3, 4 m³, 2 ldm, Lademeter: 3", ["4 m³", "Lademeter: 3"]),
        ("5 colli, 80 kg, 120x80x150 cm, 2-8 °C, total 80 kg", []),
        ("Pickup: 3011 AA Rotterdam\nVia 1012 AB Amsterdam.", ["1012 AB Amsterdam"]),
        ("Pickup: 3011 AA Rotterdam\nAgain 3011 AA Rotterdam, 2 to 3 pallets", []),
        ("Pickup: Gent\n\nRegards, Jan\n3000 AB Delft", []),  # who writes
        ("0 pallets", []),
    ],
)
def test_what_was_seen_and_not_used_is_told(body: str, left: list[str]) -> None:
    assert unread(read(body), body) == left


def test_the_mails_of_this_file_are_used_to_the_last_number() -> None:
    for body, _ in MAILS:
        assert unread(read(body), body) == []


def test_a_subject_that_says_something_else_is_told() -> None:
    body, subject = "12 pallets", "20 pallets, 12 pallets to 1012 AB Amsterdam"
    assert unread(read(body, subject), body, subject) == ["20 pallets"]


def test_what_was_not_used_takes_from_the_score() -> None:
    scores = [read(body).score for body in ("2 ldm", "2 ldm, 3 ldm", "2 ldm, 3 ldm, 4 ldm")]
    assert scores == [0.24, 0.21, 0.19]


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


@pytest.mark.parametrize(
    "body", ["", "Hello, how are you?", "See you on 24-03-2026, PO 4711", "-18 °C, ADR"]
)
def test_what_is_no_order_is_not_useful(body: str) -> None:
    assert not read(body).useful


def test_an_hour_is_no_date() -> None:
    assert read("Pickup between 9 and 11 am").missing == ["pickup", "delivery", "date", "goods"]
