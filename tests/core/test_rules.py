"""The rules of the language, each said by a test: from the text that came in to the bytes that go
out.
"""

from typing import Any

import pytest

from integrations.core import filters, mapping, paths
from integrations.core.errors import MappingError
from integrations.core.work import MOST, Work
from otms import documents
from otms.documents import DEPTH, DocumentError, DuplicateKey, TooDeep


def sent(written: Any, document: str) -> str:
    """What leaves for a document that came as this text."""
    return documents.dumps(mapping.compile(written).apply(documents.loads(document)).value).decode()


def holds(operator: str, value: Any, document: str) -> bool:
    one = [{"field": "$.a", "operator": operator, "value": value}]
    return filters.evaluate(one, documents.loads(document)).matched


# Numbers.


@pytest.mark.parametrize(
    "digits",
    [
        "0.10",
        "12.50",
        "-0.0",
        "9007199254740993",
        "0.1000000000000000055511151231257827",
        "3" * 400,
    ],
)
def test_a_number_leaves_with_the_digits_it_came_with(digits: str) -> None:
    assert sent({"x": "$.a"}, f'{{"a":{digits}}}') == f'{{"x":{digits}}}'
    assert sent({"x": {"$path": "$.a", "$type": "string"}}, f'{{"a":{digits}}}') == (
        f'{{"x":"{digits}"}}'
    )


def test_no_number_is_ever_a_float() -> None:
    tenths = f'{{"a":[{",".join(["0.1"] * 10)}]}}'
    assert sent({"$sum": "$.a[*]"}, tenths) == "1.0"
    assert sent({"$path": "$.a", "$round": 2}, '{"a":1.005}') == "1.01"
    assert sent("$.a[?(@.b == 0.1)].b", '{"a":[{"b":0.1},{"b":0.10000000000000001}]}') == "[0.1]"
    assert holds("gt", documents.loads("0.1"), '{"a":0.10000000000000001}')
    assert not holds("gt", documents.loads("9007199254740992.0"), '{"a":9007199254740992}')


def test_the_largest_number_there_is_keeps_its_digits() -> None:
    most = "9" * 4_299
    assert sent({"$path": "$.a", "$round": 1}, f'{{"a":{most}}}') == f"{most}.0"
    assert sent({"$sum": "$.a[*]"}, f'{{"a":[{most},1]}}') == f"1{'0' * 4_299}"
    assert sent({"$sum": "$.a[*]"}, f'{{"a":[{most},0.5]}}') == f"{most}.5"
    with pytest.raises(MappingError, match="too many digits"):
        sent({"$sum": "$.a[*]"}, f'{{"a":[{most}9,1]}}')


def test_a_numeric_text_is_a_number_where_one_is_asked_for_and_a_text_elsewhere() -> None:
    assert sent({"$sum": "$.a[*]"}, '{"a":["12.50",3]}') == "15.50"
    assert sent("$.a", '{"a":"12.50"}') == '"12.50"'
    assert holds("eq", documents.loads("12.5"), '{"a":"12.50"}')
    assert not holds("eq", "12.5", '{"a":"12.50"}')


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_in_json_is_none_here(written: str) -> None:
    with pytest.raises(DocumentError, match="is not JSON"):
        documents.loads(f'{{"a":{written}}}')
    with pytest.raises(MappingError, match="adds up numbers"):
        sent({"$sum": "$.a"}, f'{{"a":"{written}"}}')


# Moments.


@pytest.mark.parametrize(
    ("moment", "there"),
    [
        # In spring the clock goes from 02:00 to 03:00.
        ("2026-03-29T00:59:59Z", "29-03-2026 01:59:59"),
        ("2026-03-29T01:00:00Z", "29-03-2026 03:00:00"),
        # In autumn an hour is there twice.
        ("2026-10-25T00:30:00Z", "25-10-2026 02:30:00"),
        ("2026-10-25T01:30:00Z", "25-10-2026 02:30:00"),
        ("2026-10-25T02:30:00+02:00", "25-10-2026 02:30:00"),
        ("2026-10-25T02:30:00+01:00", "25-10-2026 02:30:00"),
        # Without a zone it is UTC, and a day is of no zone.
        ("2026-07-01T22:30:00", "02-07-2026 00:30:00"),
        ("2026-07-01", "01-07-2026 00:00:00"),
    ],
)
def test_a_moment_is_written_as_the_clock_of_its_zone_shows_it(moment: str, there: str) -> None:
    written = {"$path": "$.a", "$date": "%d-%m-%Y %H:%M:%S", "$tz": "Europe/Amsterdam"}
    assert sent(written, f'{{"a":"{moment}"}}') == f'"{there}"'


def test_the_day_of_a_moment_is_that_of_its_zone() -> None:
    late = '{"a":"2026-03-29T22:30:00Z"}'
    assert sent({"$path": "$.a", "$type": "date", "$tz": "Europe/Amsterdam"}, late) == (
        '"2026-03-30"'
    )
    assert sent({"$path": "$.a", "$type": "date"}, late) == '"2026-03-29"'


@pytest.mark.parametrize(
    ("moment", "zone"),
    [("0001-01-01T00:00:00Z", "America/New_York"), ("9999-12-31T23:30:00Z", "Pacific/Kiritimati")],
)
def test_a_moment_beyond_the_calendar_is_an_error(moment: str, zone: str) -> None:
    for more in ({"$type": "date"}, {"$date": "%d-%m-%Y"}):
        with pytest.raises(MappingError, match="is out of range"):
            sent({"$path": "$.a", **more, "$tz": zone}, f'{{"a":"{moment}"}}')


def test_moments_compare_whatever_their_zone() -> None:
    assert holds("eq", "2026-10-25T01:30:00+01:00", '{"a":"2026-10-25T00:30:00Z"}')
    assert holds("lt", "2026-10-25T02:30:00+01:00", '{"a":"2026-10-25T02:30:00+02:00"}')


# Missing and null.


@pytest.mark.parametrize(
    ("more", "of_null", "of_nothing"),
    [
        ({}, '{"x":null}', "{}"),
        ({"$default": 1}, '{"x":null}', '{"x":1}'),
        ({"$ifNull": 2}, '{"x":2}', "{}"),
        ({"$default": 1, "$ifNull": 2}, '{"x":2}', '{"x":1}'),
        ({"$default": None, "$ifNull": 2}, '{"x":2}', '{"x":null}'),
        ({"$type": "integer", "$round": 1, "$max": 1}, '{"x":null}', "{}"),
        ({"$lookup": {"null": 3}}, '{"x":null}', "{}"),
    ],
)
def test_missing_is_not_null(more: Any, of_null: str, of_nothing: str) -> None:
    written = {"x": {"$path": "$.a", **more}}
    assert sent(written, '{"a":null}') == of_null
    assert sent(written, "{}") == of_nothing


def test_what_may_be_several_is_a_list_and_never_missing() -> None:
    assert sent({"x": "$.a[*].b"}, "{}") == '{"x":[]}'
    assert sent({"x": "$.a[*].b"}, '{"a":[{},{"b":null},{"b":1}]}') == '{"x":[null,1]}'


def test_a_filter_tells_missing_from_null() -> None:
    assert holds("eq", None, '{"a":null}')
    assert not holds("eq", None, "{}")
    assert filters.evaluate([{"field": "$.a", "operator": "missing"}], {}).matched
    assert not filters.evaluate([{"field": "$.a", "operator": "missing"}], {"a": None}).matched


def test_every_item_of_a_list_is_converted() -> None:
    some = '{"a":["a",null,"","b"]}'
    assert sent({"$path": "$.a[*]", "$lookup": {"a": 1}, "$default": 0}, some) == "[1,null,0,0]"
    one = {"$path": "$.a[2]", "$lookup": {"a": 1}, "$type": "integer", "$default": "none"}
    assert sent(one, some) == '"none"'
    assert sent({"$path": "$.a[*]", "$ifNull": "-", "$ifEmpty": {"$omit": True}}, some) == (
        '["a","-","b"]'
    )


def test_an_empty_text_is_something_and_may_be_taken_for_nothing() -> None:
    empty = '{"a":"","b":"x"}'
    assert sent({"$first": ["$.a", "$.b"]}, empty) == '""'
    skipped = {"$path": "$.a", "$ifEmpty": {"$omit": True}}
    assert sent({"$first": [skipped, "$.b"]}, empty) == '"x"'
    assert sent({"x": {**skipped, "$default": 1}}, empty) == '{"x":1}'
    with pytest.raises(MappingError, match=r"\$required"):
        sent({**skipped, "$required": True}, empty)
    # Before it is converted: a date that is not set is no date.
    assert sent({**skipped, "$date": "%d", "$default": "-"}, empty) == '"-"'


def test_an_item_knows_what_it_stands_in() -> None:
    document = '{"n":7,"c":[{"n":"A","g":[{"n":1},{"n":2}]},{"n":"B","g":[{"n":3}]}]}'
    of = "@.`parent`.`parent`.n"
    flat = {"$each": "$.c[*].g[*]", "$do": ["#", "@.n", of]}
    assert sent(flat, document) == '[[1,1,"A"],[2,2,"A"],[3,3,"B"]]'
    nested = {"$each": "c", "$do": {"$each": "@.g", "$do": ["@.n", of, f"@{'.`parent`' * 4}.n"]}}
    assert sent(nested, document) == '[[[1,"A",7],[2,"A",7]],[[3,"B",7]]]'
    only = {"$if": {"field": of, "operator": "eq", "value": "B"}, "$then": "@.n"}
    assert sent({"$each": "$.c[*].g[*]", "$do": only}, document) == "[3]"
    with pytest.raises(MappingError, match="outermost has no parent"):
        sent({"$each": "$.c", "$do": f"@{'.`parent`' * 3}.n"}, document)


# Names.


@pytest.mark.parametrize(
    "name",
    [
        *("größe", "名前", "🚚", "a b", "a.b", "1x", "-1", "", "*", "a]b", "?", "@", "#"),
        # Words that the engine knows.
        *("where", "wherenot", "len", "parent", "path", "this", "true", "false", "null", "$path"),
    ],
)
def test_any_name_can_be_read_and_written(name: str) -> None:
    document = documents.dumps({"a": {name: 1}}).decode()
    target = f"t{name}" if name.startswith("$") else name
    assert sent({target: f"$.a['{name}']"}, document) == documents.dumps({target: 1}).decode()


def test_a_word_of_the_engine_may_begin_a_name() -> None:
    assert sent("$.wherever", '{"wherever":1}') == "1"
    with pytest.raises(MappingError, match="odd name"):
        mapping.compile("$.where")


def test_names_are_compared_letter_by_letter() -> None:
    composed, decomposed = "\u00e9", "e\u0301"
    document = documents.dumps({composed: 1, decomposed: 2}).decode()
    assert sent([f"$['{composed}']", f"$['{decomposed}']", "$['É']"], document) == "[1,2]"


def test_a_target_that_begins_with_a_dollar_is_an_operator_or_an_error() -> None:
    (problem,) = mapping.check({"x": {"$ref": "$.a"}})
    assert problem.code == "unknown_operator"


def test_targets_keep_their_order_and_their_dots() -> None:
    assert sent({"b.c": 1, "a": 2, "b": {"c": 3}}, "{}") == '{"b.c":1,"a":2,"b":{"c":3}}'


def test_a_target_that_is_written_twice_is_refused_when_it_is_read() -> None:
    with pytest.raises(DuplicateKey, match='"x" stands twice'):
        documents.loads('{"x":"$.a","y":{"x":1,"x":2}}')


# What no database stores.


@pytest.mark.parametrize("sign", ["\\u0000", "\\ud800", "\\udfff"])
def test_what_no_database_stores_is_spelled_out_where_it_comes_in(sign: str) -> None:
    made = sent({"x": "$.a", "all": "$"}, f'{{"a":"<{sign}>","k{sign}":1}}')
    shown = sign.replace("\\", "\\\\")
    assert made == f'{{"x":"<{shown}>","all":{{"a":"<{shown}>","k{shown}":1}}}}'


def test_a_pair_of_surrogates_is_a_letter() -> None:
    assert sent("$.a", '{"a":"\\ud83d\\ude9a"}') == '"🚚"'


# Bounds.


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def test_a_document_has_at_most_sixty_four_levels() -> None:
    assert sent("$" + ".a" * DEPTH, nested(DEPTH)) == "1"
    with pytest.raises(TooDeep):
        documents.loads(nested(DEPTH + 1))


def test_a_result_has_at_most_sixty_four_levels_too() -> None:
    assert sent("$", nested(DEPTH)) == nested(DEPTH)
    with pytest.raises(MappingError, match="deeper than 64 levels"):
        sent({"one more": "$"}, nested(DEPTH))


def test_a_path_finds_at_most_ten_thousand_values() -> None:
    ten = f'{{"a":[{",".join("1" * 10_000)}]}}'
    assert sent({"$sum": "$.a[*]"}, ten) == "10000"
    with pytest.raises(MappingError, match="more than 10000 values"):
        sent("$.a[*]", ten.replace("[", "[1,"))


def test_a_result_has_at_most_a_mebibyte() -> None:
    assert len(sent("$.a", f'{{"a":"{"x" * (2**20 - 2)}"}}')) == 2**20
    with pytest.raises(MappingError, match="1 MiB"):
        sent("$.a", f'{{"a":"{"x" * (2**20 - 1)}"}}')


@pytest.mark.parametrize(
    "body",
    [
        {"$path": "$.n", "$type": "string", "$max": 1},
        "$.n",
        10**4_200,
        {"k" * 20_000: 1},
    ],
)
def test_long_numbers_and_names_are_weighed_too(body: Any) -> None:
    many = f'{{"n":{"9" * 4_200},"a":[{",".join("1" * 300)}]}}'
    with pytest.raises(MappingError, match=r"larger than 1 MiB|too many long numbers"):
        sent({"$each": "$.a", "$do": {"$each": "$.a", "$do": body}}, many)


def test_the_search_for_misspellings_has_one_budget() -> None:
    heavy = {f"t{n}": f"$.k[*].k[?(@.k == {n})].nmae" for n in range(40)}
    never = {"field": "$.no", "operator": "exists"}
    document = {"k": [{"k": [{"k": n, "name": n}] * 20} for n in range(4_000)]}
    work, spent = Work.spend, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Work, "spend", lambda self, n: (spent.append(n), work(self, n))[1])
        mapping.compile({"$if": never, "$then": heavy, "$else": 1}).apply(document, explain=True)
    assert sum(spent) < 2 * MOST


@pytest.mark.parametrize(
    "body",
    ["y" * 1_000_000, "y" * 2_000, {"$path": "@", "$lookup": {"1": "y" * 50_000}}],
)
def test_constants_are_weighed_before_they_are_written(body: Any) -> None:
    many = f'{{"a":[{",".join("1" * 9_000)}]}}'
    with pytest.raises(MappingError, match="larger than 1 MiB"):
        sent({"$each": "$.a", "$do": body}, many)
    with pytest.raises(MappingError, match="larger than 1 MiB"):
        sent({"$join": ["a"] * 4_900, "$sep": "y" * 1_000_000}, "{}")


@pytest.mark.parametrize(
    "path",
    [
        "$.a[?(@.b =~ '(a+)+$')]",
        "$.a.`sub(/(a+)+$/, b)`",
        "$..a..a",
        "$" + ".a" * 256,
    ],
)
def test_what_would_never_end_is_refused_when_it_is_saved(path: str) -> None:
    (problem,) = mapping.check({"x": path})
    assert (problem.field, problem.code) == ("x", "invalid_path")
    with pytest.raises(paths.PathError):
        paths.compile(path)
