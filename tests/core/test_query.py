"""A mapped object as the query of a URL."""

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest

from integrations.core import query
from integrations.core.errors import MappingError


@pytest.mark.parametrize(
    ("document", "written"),
    [
        ({}, ""),
        ({"orderNumber": "4711"}, "orderNumber=4711"),
        ({"n": 12, "eur": Decimal("12.50"), "open": True, "old": False}, None),
        ({"ref": ["A", 7, "B"], "to": "x"}, "ref=A&ref=7&ref=B&to=x"),
        ({"gone": None, "ref": [None, "A", None], "none": []}, "ref=A"),
        ({"empty": ""}, "empty="),
        ({"q": "a&b=c#d+e f%2B", "Größe": "é/?"}, None),
        ({"text": "日本 𝄞\n\x00", "a[]": ["1"]}, None),
    ],
)
def test_each_key_is_a_parameter_and_a_list_repeats_it(document: Any, written: str | None) -> None:
    made = query.written(document)
    assert made.isascii()
    assert made.isprintable()
    assert written in (None, made)
    spelled = {True: "true", False: "false"}
    expected = [
        (name, spelled[value] if isinstance(value, bool) else str(value))
        for name, listed in document.items()
        for value in (listed if isinstance(listed, list) else [listed])
        if value is not None
    ]
    assert parse_qsl(made, keep_blank_values=True, separator="&") == expected


def test_what_means_something_in_a_url_is_encoded() -> None:
    assert query.written({"q": "a&b=c#d+e%f;g"}) == "q=a%26b%3Dc%23d%2Be%25f%3Bg"
    assert query.written({"q": "ann@x.example:/*?"}) == "q=ann@x.example:/*?"


def test_a_blank_is_no_plus() -> None:
    """Of which not every receiver makes a blank again."""
    assert query.written({"a b": "c d+e"}) == "a%20b=c%20d%2Be"


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ({"to": "x", "customer": {"name": "secret"}}, "customer"),
        ({"lines": [{"sku": "secret"}]}, "lines[0]"),
        ({"lines": ["a", ["secret"]]}, "lines[1]"),
    ],
)
def test_what_has_parts_has_no_form_in_a_query(document: Any, key: str) -> None:
    with pytest.raises(MappingError) as refused:
        query.written(document)
    assert refused.value.target == key
    assert str(refused.value).startswith(f"{key}: ")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("document", ["4711", ["4711"], 4711, None, True])
def test_a_query_is_made_of_an_object(document: Any) -> None:
    with pytest.raises(MappingError, match="an object of parameters") as refused:
        query.written(document)
    assert "4711" not in str(refused.value)


def test_a_query_that_no_server_takes_is_told_how_long_it_is() -> None:
    query.written({"q": "x" * (query.LONGEST - 2)})
    with pytest.raises(MappingError, match="6001 characters"):
        query.written({"q": "x" * (query.LONGEST - 1)})


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        (None, ""),
        (["$.transportOrder.name"], ""),
        (4711, ""),
        ({"a": "$.x", "customer": {"name": "$.y"}}, "customer"),
        ({"lines": ["$.x", {"sku": "$.y"}]}, "lines[1]"),
    ],
)
def test_a_mapping_that_never_makes_a_query_is_told_of(mapping: Any, field: str) -> None:
    (problem,) = query.problems(mapping)
    assert problem.field == field


@pytest.mark.parametrize(
    "mapping",
    [
        {},
        "$.transportOrder",
        {"$path": "transportOrder.externalAttributes"},
        {"a": {"$path": "x"}, "b": {"$text": "{{x}}"}, "c": ["$.x", {"$path": "y"}], "d": None},
    ],
)
def test_one_that_may_make_one_is_not(mapping: Any) -> None:
    assert list(query.problems(mapping)) == []
