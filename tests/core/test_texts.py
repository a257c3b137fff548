"""A text with places: values stand in it as people write them."""

import pytest

from integrations.core import mapping
from integrations.core.errors import MappingError
from tests.core.test_mapping import apply, problems


def test_a_text_has_places_for_values():
    expression = {
        "text": {"$text": "{{transportOrder.customer.name}}: {{ $.transportOrder.status }}!"}
    }
    assert apply(expression).value == {"text": "Acme Corp: requested!"}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("no place", "no place"),
        ("{{transportOrder.goods[*].kg}}", "12.50, 3"),
        ("<{{transportOrder.reference}}>", "<>"),
        ("}} {{transportOrder.status}} }}", "}} requested }}"),
        ("{ {{transportOrder.status}} }", "{ requested }"),
    ],
)
def test_a_value_stands_in_a_text_as_people_write_it(text, made):
    assert apply({"$text": text}).value == made


def test_a_place_that_stays_empty_is_told():
    result = apply({"text": {"$text": "Order {{transportOrder.nmae}}."}}, explain=True)
    assert result.value == {"text": "Order ."}
    (warning,) = result.warnings
    assert "`text` has an empty place: `$.transportOrder.nmae`" in warning.message


def test_an_object_does_not_stand_in_a_text():
    with pytest.raises(MappingError, match='name one of its fields: "name"'):
        apply({"text": {"$text": "For {{transportOrder.customer}}"}})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (4, "not_a_text"),
        ("Order {{transportOrder.name", "open_place"),
        ("Order {{}}", "invalid_path"),
        ("Order {{transportOrder..a..b}}", "invalid_path"),
    ],
)
def test_a_text_that_cannot_be_written_is_refused(text, code):
    assert problems({"note": {"$text": text}}) == [("note", code)]


def test_a_text_is_bounded():
    with pytest.raises(MappingError, match="larger than 1 MiB"):
        apply({"$text": "{{a}}" * 1_000}, {"a": "x" * 2_000})


def test_the_paths_of_a_text_are_known():
    assert mapping.fields({"note": {"$text": "{{transportOrder.name}}"}}) == [
        ("note", "$.transportOrder.name")
    ]


def test_places_in_texts_are_counted_as_targets() -> None:
    places = "".join(f"{{{{a.t{number}}}}}" for number in range(6_000))
    assert problems({"text": {"$text": places}}) == [("text", "too_many")]
