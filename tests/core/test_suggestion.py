"""What a name, the words in it, what is around it and its value say of a field."""

from typing import Any

import pytest

import otms.urls  # noqa: F401  the entities are known by their routes
from integrations.core.suggestion import ExampleError, suggest
from integrations.core.suggestion.building import CONFIDENT
from integrations.core.suggestion.words import CONCEPTS, FOREIGN, SCOPES, UNKNOWN, meanings
from tests.core.suggesting import EACH, GOODS, ORDER, suggested, told


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Auftragsnummer", "order number"),
        ("ORDERNO", "order number"),
        ("order-nr", "order number"),
        ("klantNaam", "customer name"),
        ("leveradres_postcode", "addressee address postcode"),
        ("Empfängerort", "addressee city"),
        ("EmpfaengerOrt", "addressee city"),
        ("Empfangerort", "addressee city"),
        ("SHIPTOZIP", "addressee postcode"),
        ("shipDate", "sender date"),
        ("shipping_address", "addressee address"),
        ("loadNo", "order number"),
        ("load_date", "sender date"),
        ("numberOfPallets", "quantity filler package"),
        ("palletNumber", "package number"),
        ("Bruttogewicht", "gross weight"),
        ("weight_units", "weight unit"),
        ("discount", "price"),
        ("Zwxy", UNKNOWN),
        ("", ""),
    ],
)
def test_a_name_is_divided_into_words(name: str, said: str) -> None:
    assert " ".join(meaning for _, meaning in meanings(name)) == said


def test_no_word_has_two_meanings() -> None:
    words = [each for group in (SCOPES, CONCEPTS, FOREIGN) for said in group.values()
             for each in said.split()]  # fmt: skip
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("example", "path"),
    [
        ({"consignee": {"city": "Ulm"}}, EACH + "originalPhysicalAddressee.city"),
        ({"shipper": {"city": "Ulm"}}, EACH + "originalPhysicalSender.city"),
        ({"order": {"pickup": {"address": {"plz": "89073"}}}},
         EACH + "originalPhysicalSender.postalCode"),
        ({"delivery": {"from": "08:00"}}, EACH + "externalAttributes.delivery.from"),
        ({"dates": {"delivery": "2026-03-24"}}, EACH + "externalAttributes.delivery.date"),
        ({"customer": {"name": "Acme"}}, ORDER + "customer.name"),
        ({"items": [{"description": "chairs"}]}, GOODS + ".description"),
        ({"weight": {"value": 12, "unit": "kg"}}, GOODS + ".weight.value"),
        ({"consignee": "Acme"}, EACH + "originalPhysicalAddressee.name"),
    ],
)  # fmt: skip
def test_what_is_around_a_name_says_whom_it_is_about(example: Any, path: str) -> None:
    first = next(iter(told(example).values()))
    assert first.path == path
    assert first.confidence >= CONFIDENT


@pytest.mark.parametrize(
    "example",
    [
        {"city": "Ulm"},
        {"carrier": {"name": "Acme"}},
        {"invoice": {"number": "4711"}},
        {"order": {"price": 12.5}},
        {"order_number_zwxy": "4711"},
        {"country_of_origin": "NL"},
        {"destination": "Ulm"},
        {"actual_delivery_date": "2026-03-24"},
        {"address2": "back yard"},
        {"pallet_number": "P-1"},
        {"created_by": "Ann"},
        {"documents": [{"type": "CMR"}]},
    ],
)
def test_what_may_be_another_is_not_confident(example: Any) -> None:
    made = suggested(example)
    assert made.mapping == {}
    assert made.suggestions[0].confidence < CONFIDENT


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("gross_weight", 12.5, "heavy"),
        ("delivery_date", "2026-03-24", "Ulm"),
        ("hazardous", True, "2026-03-24"),
        ("consignee_postcode", "89073", "Ulm"),
        ("order_number", "4711", True),
    ],
)
def test_a_value_of_another_kind_takes_the_confidence(name: str, right: Any, wrong: Any) -> None:
    fits, not_ = told({name: right})[name], told({name: wrong})[name]
    assert fits.confidence >= CONFIDENT > not_.confidence
    assert "does not go with the field" in not_.reason or not_.path is None


def test_the_reason_is_in_words() -> None:
    found = told({"absender": {"plz": "89073", "zwxy": "1"}})
    assert found["absender.plz"].reason == (
        '`plz` is postcode; it stands in `absender`, sender; "89073" is a number.'
    )
    assert found["absender.zwxy"].reason == (
        'No field of ours: it stands in `absender`, sender; we don\'t know `zwxy`; "1" is a number.'
    )


def test_others_are_offered_the_likely_first() -> None:
    found = told({"city": "Ulm"})["city"]
    paths = [found.path, *(path for path, _ in found.alternatives)]
    assert {EACH + "originalPhysicalSender.city", EACH + "originalPhysicalAddressee.city"} <= {
        *paths
    }
    sure = [found.confidence, *(confidence for _, confidence in found.alternatives)]
    assert sure == sorted(sure, reverse=True)


@pytest.mark.parametrize(
    ("example", "format", "words"),
    [
        ("", None, "is empty"),
        (" \n", "csv", "is empty"),
        (4711, None, "Send an object"),
        ({}, "xml", "as a text"),
        ("{", None, "not JSON"),
        ("[1", "json", "not JSON"),
        ("4", "json", "Send an object or a list"),
        ("<a>", None, "not well-formed"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', None, "DOCTYPE"),
        ("<a>" * 70 + "</a>" * 70, None, "deeper"),
        ("a;b;a\n", None, "Two columns"),
        ("x" * 1_000_001, None, "more than 1000000 characters"),
        ({str(each): 1 for each in range(501)}, None, "more than 500"),
        ([{str(each): [[]]} for each in range(501)][:50] + [{}] * 2, None, None),
        (";".join(map(str, range(501))), None, "more than 500"),
        ({"x" * 201: 1}, None, "too long"),
        ("x;" + "y" * 200_000, "csv", "no table"),
    ],
)
def test_what_can_not_be_read_is_refused_in_words(
    example: Any, format: str | None, words: str | None
) -> None:
    if words is None:
        assert suggested(example, format)
        return
    with pytest.raises(ExampleError, match=words):
        suggested(example, format)


def test_an_entity_without_fields_has_no_suggestions() -> None:
    made = suggest({"order_no": "4711"}, None, "trip", {"trip": {}})
    assert made.mapping == {}
    assert made.suggestions[0].path is None
