"""What a letter asks for, line by line."""

from decimal import Decimal
from typing import Any

import pytest

from tests.core.letters import kg, read, values

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


def test_an_hour_is_no_date() -> None:
    assert read("Pickup between 9 and 11 am").missing == ["pickup", "delivery", "date", "goods"]
