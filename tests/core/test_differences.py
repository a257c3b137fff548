"""Where two documents differ, and what stood there."""

from typing import Any

import pytest

from integrations.core import differences
from integrations.core.differences import Difference, between, read


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("$.a", 1, 2)]),
        ({"a": True}, {"a": 1}, [("$.a", True, 1)]),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1]}}, [("$.a.b[1]", 2, None)]),
        ({}, {"new one": "x"}, [('$["new one"]', None, "x")]),
        (None, {"a": 1}, [("$", None, {"a": 1})]),
        ("a text", {"a": 1}, [("$", "a text", {"a": 1})]),
    ],
)
def test_a_difference_is_told_with_its_place(before: Any, after: Any, found: Any) -> None:
    assert between(before, after) == [Difference(*each) for each in found]


def test_long_values_are_cut_and_many_are_not_all_told() -> None:
    (text,) = between("", "x" * 1000)
    assert text.after == "x" * differences.LONGEST + "…"
    (whole,) = between(None, {"a": "x" * 1000})
    assert len(whole.after) <= differences.LONGEST
    assert len(between({}, {f"k{n}": n for n in range(100)})) == differences.MOST


def test_a_body_that_is_no_json_is_compared_as_a_text() -> None:
    assert read('{"a": 1.10}') == read('{"a":1.10}')
    assert read("{cut off") == "{cut off"
    assert read(" ") is None


def test_a_difference_is_written_for_people() -> None:
    texts = [each.texts for each in between({"a": None, "b": "x"}, {"a": [1], "b": {"c": True}})]
    assert texts == [("$.a", "-", "[1]"), ("$.b", "x", '{"c":true}')]
