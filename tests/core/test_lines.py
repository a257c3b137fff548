"""On which line of a mapping stands what somebody is told about."""

import json

import pytest

from integrations.core.lines import Lines, line_of

MAPPING = """
{
  "customer": {
    "name": "$.a",
    "a.b": 1
  },
  "customer.name": "$.b",
  "lines": {
    "$each": "$.lines[*]",
    "$do": {
      "no": "#",
      "qty": {"$path": "@.q",
              "$type": "nothing"}
    }
  },
  "list": [
    "$.x",
    {"y": "$.y"}
  ],
  "note": {
    "$if": {"field": "$.adr", "operator": "eq", "value": true},
    "$then": {
      "text": "$.note"
    }
  }
}"""
FILTERS = """[
  {"field": "$.a", "operator": "eq", "value": 1},
  {"any": [
    {"field": "$.b", "operator": "exists"},
    {"field": "$.c",
     "operator": "wrong"}
  ]}
]"""


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("", 2),
        ("customer", 3),
        ("customer.name", 7),  # a dot in a name is a dot
        ("customer.a.b", 5),
        ("customer.nothing", 3),
        ("lines", 8),
        ("lines[].qty", 12),
        ("lines[3].qty", 12),
        ("lines[]", 8),
        ("list[0]", 17),
        ("list[1].y", 18),
        ("note.text", 23),
        ("nothing", 2),
    ],
)
def test_a_target_has_its_line(field: str, line: int) -> None:
    assert line_of(MAPPING, field) == line


@pytest.mark.parametrize(
    ("field", "written", "line"),
    [
        ("note", "$then", 22),
        ("note", "$.adr", 21),
        ("note", "$.note", 23),
        ("note", "adr", 21),  # as a part of a text
        ("note", "$.b", 20),  # it is elsewhere
        ("lines[2].qty", "$type", 13),
    ],
)
def test_what_is_written_there_has_its_line(field: str, written: str, line: int) -> None:
    assert line_of(MAPPING, field, written) == line


@pytest.mark.parametrize(
    ("place", "line"),
    [("", 1), ("[0].value", 2), ("[1].any[0]", 4), ("[1].any[1].operator", 6), ("[9]", 1)],
)
def test_a_filter_has_its_line(place: str, line: int) -> None:
    assert line_of(FILTERS, place) == line


def test_a_path_that_another_begins_with_is_not_taken_for_it() -> None:
    text = '{"note": {\n"$if": {"field": "$.transportOrder.id"},\n"$then": {"$path": "t"}\n}}'
    assert line_of(text, "note", "$.t") == 3


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ('[{"field": 1},\n{"field": 2},\n{"field": 3,\n"field": 4}]', "field", 4),
        ('{"x": {"a": 1},\n"y": {"a": 1,\n"a": 2}}', "a", 3),
        ('{"\\u0061": 1,\n"a": 2}', "a", 2),
        ('{"a": 1,\n"a": 2, oops', "a", 2),
        ('{"a": 1,\n"a": ' + "[" * 5000, "a", 2),
        ('{"a": 1}', "a", 1),
    ],
)
def test_a_name_that_stands_twice_has_the_line_of_the_second(
    text: str, name: str, line: int
) -> None:
    assert Lines(text).second(name) == line


def test_looking_for_parts_within_operators_ends() -> None:
    text = json.dumps({"$lookup": {f"${n}": {} for n in range(40_000)}, "$do": {"a": "b"}})
    lines = Lines(text)
    for n in range(200):
        assert lines.of(f"nothing{n}", "$bad") == 1


def test_a_text_alone_has_one_line() -> None:
    assert line_of('\n\n "$.transportOrder"', "") == 3
    assert line_of("[]", "[0]") == line_of("{}", "a") == 1
