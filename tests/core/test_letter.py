"""What a letter asks for: whole mails, as people write them."""

from decimal import Decimal
from typing import Any

import pytest

from tests.core.letters import kg, read, unread, values

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


def test_the_mail_of_the_guide_is_twenty_pallets_and_no_whole_order() -> None:
    found = read("Please create an order for 20 pallets.", "New transport order")
    assert values(found) == {"G.quantity": 20, "G.packagingMaterial": "pallet"}
    assert {each.confidence for each in found.fields.values()} == {0.95}
    assert found.missing == ["pickup", "delivery", "date"]
    assert found.useful
    assert found.order() == {
        "consignments": [{"goods": [{"quantity": 20, "packagingMaterial": "pallet"}]}]
    }


@pytest.mark.parametrize(("body", "fields"), MAILS, ids=["english", "dutch", "german"])
def test_a_whole_mail(body: str, fields: dict[str, Any]) -> None:
    found = read(body)
    assert values(found) == fields
    assert found.missing == []
    assert found.score > 0.5
    # The same with the line ends of mails.
    assert values(read(body.replace("\n", "\r\n"))) == fields


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


def test_the_mails_of_this_file_are_used_to_the_last_number() -> None:
    for body, _ in MAILS:
        assert unread(read(body), body) == []


@pytest.mark.parametrize(
    "body", ["", "Hello, how are you?", "See you on 24-03-2026, PO 4711", "-18 °C, ADR"]
)
def test_what_is_no_order_is_not_useful(body: str) -> None:
    assert not read(body).useful
