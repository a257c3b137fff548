"""YAML is read as it looks, and written without losing a digit."""

from decimal import Decimal
from typing import Any

import pytest

from otms import yaml_text


@pytest.mark.parametrize(
    "value",
    [
        {
            "no": "yes",
            "n": None,
            "date": "2026-03-22",
            "time": "12:30",
            "empty": "",
            "blank": " a ",
        },
        {"number": Decimal("1.50"), "large": Decimal("1E+400"), "tiny": Decimal("-0.00000001")},
        {"list": [{"$path": "$.a", "$default": "#"}, [], {}], "text": "two\nlines\n", "é": "✓"},
        {"same": (same := {"a": 1}), "again": same},
        {"breaks": "a\x85b\u2028c\u2029d", "\x85": "\ttab", "none": "~", "true": "true"},
    ],
)
def test_what_is_written_is_read_again(value: Any) -> None:
    text = yaml_text.dumps(value)
    assert yaml_text.loads(text) == value
    assert str(yaml_text.loads(text)) == str(value)
    assert "&id" not in text


def test_what_is_not_json_is_text() -> None:
    read = "a: 12:30\nb: 010\nc: NO\nd: .inf\ne: 2026-03-22\nno: yes\nf: 0x10\ng: 1_000\nh:"
    assert yaml_text.loads(read) == {
        "a": "12:30",
        "b": "010",
        "c": "NO",
        "d": ".inf",
        "e": "2026-03-22",
        "no": "yes",
        "f": "0x10",
        "g": "1_000",
        "h": None,
    }


def test_a_text_of_several_lines_is_written_as_such() -> None:
    assert yaml_text.dumps({"a": "one\ntwo\n"}) == "a: |\n  one\n  two\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2", "the key 'a' stands here twice"),
        ("1: 1", "'1' is read as 1, and a key is a text"),
        ("a: [1", "line"),
        ("a: !!python/object/apply:os.getcwd []", "is not read: write out what is meant"),
        ("a: &x [1]", "an anchor or what refers to one is not read"),
        ("a: *x", "an anchor or what refers to one is not read"),
        ("a: !!timestamp x", "a tag"),
        ("a: !!binary x", "a tag"),
        ("a: !!set {b}", "a tag"),
        ("[" * 2000, "nested deeper than 64 levels"),
        ("a: " + "[" * 70 + "]" * 70, "nested deeper than 64 levels"),
        ("a: " + "9" * 5000, "out of range"),
        ("a: 1.0e+99999999999999999999", "out of range"),
        ("a: 1.0e+401", "out of range"),
        ('a: "\\U00110000"', "range"),
        ("a" * 1_000_001, "longer than 1,000,000 characters"),
    ],
)
def test_what_can_not_be_read_says_where(text: str, said: str) -> None:
    with pytest.raises(yaml_text.NotYaml, match=said.replace("(", r"\(")):
        yaml_text.loads(text)
