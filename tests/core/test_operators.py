"""Each operator does what docs/reference/mapping.md says, and says what it can't do."""

import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from integrations.core import mapping
from integrations.core.errors import MappingError
from integrations.core.operators import OPERATORS
from otms import documents

PAGE = (Path(__file__).parents[2] / "docs/reference/mapping.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```json(?: (\w+))?\n(.*?)```", PAGE, re.DOTALL)
ORDER = documents.loads(next(text for kind, text in BLOCKS if kind == "document"))
EXAMPLES = [
    (documents.loads(given), documents.loads(made))
    for (kind, given), (next_kind, made) in pairwise(BLOCKS)
    if not kind and next_kind == "result"
]


def apply(expression: Any, document: Any = ORDER) -> Any:
    return mapping.compile({"x": expression}).apply(document).value.get("x", "MISSING")


def of(value: Any, **operators: Any) -> Any:
    """What operators make of a value."""
    written = {f"${name}": argument for name, argument in operators.items()}
    return apply({"$path": "$.value", **written}, {"value": value})


def refusal(expression: Any, document: Any = ORDER) -> str:
    with pytest.raises(MappingError) as refused:
        mapping.compile({"x": expression}).apply(document)
    return str(refused.value)


def problems(expression: Any) -> list[tuple[str, str]]:
    return [(problem.field, problem.code) for problem in mapping.check({"x": expression})]


@pytest.mark.parametrize(("given", "made"), EXAMPLES)
def test_the_examples_of_the_reference_make_what_is_written(given: Any, made: Any) -> None:
    result = mapping.compile(given).apply(ORDER).value
    assert documents.dumps(result) == documents.dumps(made)  # 1.00 is not 1


def test_the_reference_has_every_operator_with_an_example() -> None:
    headings = re.findall(r"^### (\$\w+)$", PAGE, re.MULTILINE)
    assert headings == list(OPERATORS)  # in the order in which they are carried out
    used = "".join(documents.dumps(given).decode() for given, _ in EXAMPLES)
    assert all(f'"{name}"' in used for name in OPERATORS)
    companions = {name for each in OPERATORS.values() for name in each.companions}
    assert all(f'"{name}"' in used for name in companions)


@pytest.mark.parametrize(
    ("value", "kind", "made"),
    [
        ("5", "integer", 5),
        (" 5 ", "integer", 5),
        (Decimal("5.0"), "integer", 5),
        ("-0", "integer", 0),
        ("1234567890123456789012345", "integer", 1234567890123456789012345),
        ("12.50", "decimal", Decimal("12.50")),
        (7, "string", "7"),
        (Decimal("8400.50"), "string", "8400.50"),
        (True, "string", "true"),
        ("TRUE", "boolean", True),
        (0, "boolean", False),
        ("2026-03-20", "date", "2026-03-20"),
        ("2026-03-28T23:30:00-05:00", "date", "2026-03-28"),
        (["1", 2], "integer", [1, 2]),
        (["1", None], "integer", [1, None]),
        (None, "integer", None),
    ],
)
def test_a_value_becomes_one_of_a_type(value: Any, kind: str, made: Any) -> None:
    result = of(value, type=kind)
    assert (result, type(result), str(result)) == (made, type(made), str(made))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("5.5", "integer"),
        ("five", "integer"),
        (True, "integer"),
        ("1e5", "decimal"),
        ("1,5", "decimal"),
        ("nan", "decimal"),
        ({}, "string"),
        ("yes", "boolean"),
        (2, "boolean"),
        ("20-03-2026", "date"),
        ("2026-02-30", "date"),
        (["1", "x"], "integer"),
    ],
)
def test_what_can_not_be_converted_is_an_error_with_the_value(value: Any, kind: str) -> None:
    expression = {"$path": "$.value", "$type": kind}
    said = refusal(expression, {"value": value})
    assert said.startswith("x: `$type`: ")
    bad = value[1] if isinstance(value, list) else value
    assert documents.dumps(bad).decode() in said
    assert " is no " in said


@pytest.mark.parametrize(
    ("value", "digits", "made"),
    [
        (Decimal("2.5"), 0, "3"),
        (Decimal("-2.5"), 0, "-3"),
        (Decimal("0.125"), 2, "0.13"),
        (12, 2, "12.00"),
        ("1.005", 2, "1.01"),
        (Decimal("1e30"), 1, "1000000000000000000000000000000.0"),
        (Decimal("123456789012345678901234567890.15"), 1, "123456789012345678901234567890.2"),
    ],
)
def test_rounding_is_half_up_and_exact(value: Any, digits: int, made: str) -> None:
    result = of(value, round=digits)
    assert (f"{result:f}" if digits else str(result)) == made


def test_sums_are_exact_however_long_they_are() -> None:
    values = [Decimal("0.1")] * 3 + [Decimal("1e28"), Decimal("0.000000001"), "5", None]
    total = apply({"$sum": "$.v[*]"}, {"v": values})
    assert total == Decimal("10000000000000000000000000005.300000001")
    assert apply({"$sum": "$.v[*]"}, {"v": []}) == 0
    assert type(apply({"$sum": "$.v[*]"}, {"v": [1, 2]})) is int
    assert apply({"$sum": "$.v"}, {"v": "12"}) == 12
    assert apply({"$sum": "$.w"}, {"v": []}) == "MISSING"
    assert refusal({"$sum": "$.v[*]"}, {"v": [1, "x"]}) == (
        'x: `$sum` adds up numbers, and "x" is none. It is written "$.v[*]".'
    )


@pytest.mark.parametrize(
    ("moment", "zone", "made"),
    [
        ("2026-03-29T00:59:59Z", "Europe/Amsterdam", "29-03-2026 01:59 +0100"),
        ("2026-03-29T01:00:00Z", "Europe/Amsterdam", "29-03-2026 03:00 +0200"),
        ("2026-10-25T00:30:00Z", "Europe/Amsterdam", "25-10-2026 02:30 +0200"),
        ("2026-10-25T01:30:00Z", "Europe/Amsterdam", "25-10-2026 02:30 +0100"),
        ("2026-03-20T10:30:00", "America/New_York", "20-03-2026 06:30 -0400"),
        ("2026-03-20T10:30:00+05:30", None, "20-03-2026 05:00 +0000"),
    ],
)
def test_moments_are_written_in_their_zone(moment: str, zone: str | None, made: str) -> None:
    given = {"date": "%d-%m-%Y %H:%M %z"} | ({"tz": zone} if zone else {})
    assert of(moment, **given) == made


def test_a_day_is_of_no_zone() -> None:
    assert of("2026-03-01", date="%Y%m%d %H", tz="Pacific/Auckland") == "20260301 00"
    assert of("2026-03-01", date="%d", tz="America/Los_Angeles") == "01"


def test_a_date_that_is_none_is_an_error() -> None:
    said = refusal({"$path": "$.v", "$date": "%Y"}, {"v": "tomorrow"})
    assert said == (
        'x: `$date`: "tomorrow" is no ISO date such as 2026-03-20T10:30:00Z. '
        'It is written {"$path":"$.v","$date":"%Y"}.'
    )
    far = {"$path": "$.v", "$date": "%Y", "$tz": "Asia/Tokyo"}
    assert "is out of range" in refusal(far, {"v": "9999-12-31T23:59:59Z"})


def test_a_lookup_finds_numbers_and_truth_by_how_they_are_written() -> None:
    table = {"10": "ten", "true": "yes", "a": "$.name"}
    assert of([10, True, "a", None], lookup=table, default="?") == ["ten", "yes", None]
    assert apply({"$path": "$.v", "$lookup": table}, {"v": "a", "name": "Ann"}) == "Ann"
    said = refusal({"$path": "$.v", "$lookup": {"a": 1, "b": 2}}, {"v": "c"})
    assert said == (
        'x: `$lookup`: "c" is not in the table; it has "a", "b". '
        'It is written {"$path":"$.v","$lookup":{"a":1,"b":2}}.'
    )


def test_null_is_not_missing() -> None:
    assert of(None, default=1) is None
    assert of(None, ifNull=1) == 1
    assert of(None, ifNull=1, required=True) == 1
    assert apply({"$path": "$.w", "$ifNull": 1}, {"v": 1}) == "MISSING"
    assert apply({"$path": "$.w", "$ifNull": 1, "$default": None}, {}) is None


def test_what_is_required_names_the_path() -> None:
    required = {"$required": True}
    assert refusal({"$path": "$.a.b", **required}, {}) == (
        "x: `$required`: `$.a.b` is not in the document. "
        'It is written {"$path":"$.a.b","$required":true}.'
    )
    assert refusal({"$path": "$.a", **required}, {"a": None}).endswith(" is null.")
    both = {"$first": ["$.a", "$.b"], **required}
    assert refusal(both, {"a": None}).startswith("x: `$required`: `$.b` is not in the document. It")
    assert apply(both, {"b": 0}) == 0


def test_the_first_that_is_there_is_told_without_a_warning() -> None:
    made = mapping.compile({"x": {"$first": ["$.a", "$.b"]}})
    assert made.apply({"b": 1}).warnings == []
    assert [w.path for w in made.apply({}).warnings] == ["$.a", "$.b"]


def test_a_text_is_cut_and_nothing_else_is() -> None:
    assert of("Zoë Ünal", max=3) == "Zoë"
    assert of(["abc", "d"], max=2) == ["ab", "d"]
    assert of(12345, type="string", max=3) == "123"
    assert '"$type": "string"' in refusal({"$path": "$.v", "$max": 3}, {"v": 12345})


def test_items_are_told_by_their_number_in_errors() -> None:
    lines = {"$each": "$.v", "$do": {"deep": {"$each": "@.w", "$do": {"$path": "@", "$round": 0}}}}
    said = refusal(lines, {"v": [{"w": [1]}, {"w": [1, 2, "x"]}]})
    assert said == (
        'x[1].deep[2]: `$round`: "x" is no number. It is written {"$path":"@","$round":0}.'
    )


def test_a_loop_warns_once_of_what_its_items_lack() -> None:
    made = mapping.compile({"x": {"$each": "$.v", "$do": {"a": "@.a", "n": "@.n"}}})
    result = made.apply({"v": [{"n": n} for n in range(50)]}, explain=True)
    assert result.value["x"][49] == {"n": 49}
    assert [(w.target, w.path) for w in result.warnings] == [("x[].a", "@.a")]


def test_a_misspelt_path_of_an_item_is_explained_from_the_document() -> None:
    made = mapping.compile({"x": {"$each": "$.goods[*]", "$do": {"text": "@.descripton"}}})
    (warning,) = made.apply({"goods": [{"description": "x"}]}, explain=True).warnings
    assert warning.message.endswith("Did you mean `@.description`?")


def test_paths_of_items_are_known_as_paths_of_the_document() -> None:
    """What checks paths against the fields there are sees those in loops too."""
    lines = {"$each": "$.a.b", "$do": {"x": "@.c", "y": {"$each": "@.d[*]", "$do": "@.e"}}}
    assert ("l[].x", "$.a.b[*].c") in mapping.fields({"l": lines})
    assert ("l[].y[]", "$.a.b[*].d[*].e") in mapping.fields({"l": lines})
    condition = {"$if": {"field": "$.z", "operator": "exists"}, "$then": 1}
    assert ("c", "$.z") in mapping.fields({"c": condition})


@pytest.mark.parametrize("items", [{"n": 1}, [{"n": 1}]])
def test_one_or_several_are_items(items: Any) -> None:
    assert apply({"$each": "$.v", "$do": "@.n"}, {"v": items}) == [1]


def test_a_loop_over_nothing() -> None:
    loop = {"$each": "$.v", "$do": "@"}
    assert apply(loop, {"v": []}) == []
    assert apply(loop, {"v": None}) is None
    assert apply(loop, {}) == "MISSING"
    assert apply({"$each": "$.v[*]", "$do": "@"}, {}) == []


def test_after_a_loop_the_item_is_the_outer_one_again() -> None:
    outer = {"$each": "$.v", "$do": [{"$each": "@.w", "$do": ["#", "@"]}, "#", "@.n"]}
    assert apply(outer, {"v": [{"w": ["a", "b"], "n": 7}]}) == [[[[1, "a"], [2, "b"]], 1, 7]]


def test_loops_in_loops_are_bounded_by_work_and_not_by_time() -> None:
    inner: Any = {"$each": "$.v", "$do": "@"}
    for _ in range(4):
        inner = {"$each": "$.v", "$do": inner}
    assert "1 MiB" in refusal(inner, {"v": list(range(200))})
    wide = {"$each": "$.v", "$do": {str(n): "@.a" for n in range(4_000)}}
    assert "are too much work" in refusal(wide, {"v": [{}] * 9_000})


def test_a_condition_of_an_item() -> None:
    heavy = {"any": [{"field": "@.kg", "operator": "gt", "value": 5}]}
    loop = {"$each": "$.v", "$do": {"$if": [heavy], "$then": "@.n", "$else": {"$omit": True}}}
    assert apply(loop, {"v": [{"kg": 9, "n": 1}, {"kg": 1, "n": 2}, {"n": 3}]}) == [1]


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ({"$each": "$.v"}, "no_body"),
        ({"$each": 5, "$do": "@"}, "invalid_path"),
        ({"$do": "@"}, "unknown_operator"),
        ({"$each": "$.v", "$do": {"$path": "@.["}}, "invalid_path"),
        ({"$if": {"field": "$.a", "operator": "eq", "value": 1}}, "no_choice"),
        ({"$if": {"field": "$.a", "operator": "is"}, "$then": 1}, "unknown_operator"),
        ({"$if": {"field": "@.a", "operator": "exists"}, "$then": 1}, "invalid_path"),
        ({"$if": "$.a", "$then": 1}, "invalid_filter"),
        ({"$join": "$.a"}, "not_a_list"),
        ({"$join": ["$.a"], "$sep": 1}, "not_a_text"),
        ({"$first": []}, "not_a_list"),
        ({"$omit": False}, "not_true"),
        ({"$path": "$.a", "$required": False}, "not_true"),
        ({"$path": "$.a", "$lookup": []}, "not_a_table"),
        ({"$path": "$.a", "$type": "number"}, "unknown_type"),
        ({"$path": "$.a", "$date": "%Q"}, "invalid_format"),
        ({"$path": "$.a", "$date": "%"}, "invalid_format"),
        ({"$path": "$.a", "$date": "dd-MM-yyyy"}, "invalid_format"),
        ({"$path": "$.a", "$date": 5}, "invalid_format"),
        ({"$path": "$.a", "$date": "%d", "$tz": "Europe/Amstredam"}, "unknown_zone"),
        ({"$path": "$.a", "$date": "%d", "$tz": "../../etc/passwd"}, "unknown_zone"),
        ({"$path": "$.a", "$tz": "UTC"}, "unknown_operator"),
        ({"$path": "$.a", "$round": True}, "invalid_digits"),
        ({"$path": "$.a", "$round": 31}, "invalid_digits"),
        ({"$path": "$.a", "$max": 0}, "invalid_length"),
        ({"$path": "$.a", "$first": ["$.b"]}, "no_source"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_saved(expression: Any, code: str) -> None:
    assert code in [code for _, code in problems(expression)]
    (first, *_) = mapping.check({"x": expression})
    assert first.field.startswith("x")


def test_a_zone_and_a_type_that_were_meant_are_named() -> None:
    (zone,) = mapping.check({"x": {"$path": "$.a", "$date": "%d", "$tz": "Europe/Amstredam"}})
    assert zone.message.endswith("Did you mean `Europe/Amsterdam`?")
    (kind,) = mapping.check({"x": {"$path": "$.a", "$type": "interger"}})
    assert kind.message.endswith("Did you mean `integer`?")
