"""No digit is lost, nothing unreadable gets in."""

import json
import tracemalloc
import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otms import documents

NUL = "\x00"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters=NUL))
    | st.decimals(allow_nan=False, allow_infinity=False, places=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=80, deadline=None)
@given(JSON)
def test_what_is_written_is_read_back_the_same(value):
    assert documents.loads(documents.dumps(value)) == value
    assert documents.loads(documents.pretty(value)) == value


@pytest.mark.parametrize("text", ["0.1", "12.50", "1.000000000000000000001", "-0.00", "1E+30"])
def test_a_decimal_keeps_its_digits(text):
    value = documents.loads(text)
    assert isinstance(value, Decimal)
    assert documents.dumps({"weight": value}) == b'{"weight":%s}' % text.encode()


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**100])
def test_an_integer_of_any_size_keeps_its_digits(number):
    assert documents.dumps([number, {"n": number}]) == f'[{number},{{"n":{number}}}]'.encode()
    assert documents.loads(str(number)) == number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 3, 20, 10, 30, tzinfo=UTC), '"2026-03-20T10:30:00Z"'),
        (datetime(2026, 3, 20, 10, 30, 0, 5), '"2026-03-20T10:30:00.000005Z"'),
        (datetime(2026, 3, 20, 10, tzinfo=timezone(timedelta(hours=2))), '"2026-03-20T08:00:00Z"'),
        (date(2026, 3, 20), '"2026-03-20"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        ({"a": (1, 2)}, '{"a":[1,2]}'),
        ("Straße", '"Straße"'),
    ],
)
def test_what_json_has_no_word_for_is_spelled(value, text):
    assert documents.dumps(value).decode() == text


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_a_decimal_that_is_no_number_is_not_written(name):
    with pytest.raises(ValueError, match="not a number"):
        documents.dumps({"a": Decimal(name)})


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {1, 2}}, b"bytes"])
def test_what_is_no_document_is_not_written(value):
    with pytest.raises(documents.DocumentError):
        documents.dumps(value)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}'])
def test_a_number_that_is_none_is_not_read(text):
    with pytest.raises(documents.DocumentError, match="is not JSON"):
        documents.loads(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty (line 1, column 1)."),
        ('{"a": [1', "it ends too early (line 1, column 9)."),
        ('{"a": 1,\n}', "a comma stands before a closing bracket, with nothing behind it (line 2"),
        ("[1, ]", "a comma stands before a closing bracket, with nothing behind it (line 1"),
        ('{"a" 1}', "a colon is missing before this (line 1, column 6)."),
        ('{"a": }', "a value is missing here (line 1, column 7)."),
        (
            '{"a": 1\n"b": 2}',
            "a comma or a closing bracket is missing before this (line 2, column 1)",
        ),
        ("{'a': 1}", "texts and names stand in straight double quotes (line 1, column 2)."),
        ("{“a”: 1}", "texts and names stand in straight double quotes"),
        ("{a: 1}", "texts and names stand in double quotes"),
        ('{"a": $.name}', "texts and names stand in double quotes"),
        ('{"a": True}', "true, false and null are written in lower case"),
        ('{"a": .5}', "a number begins with a digit"),
        ('{"a": 1 // one\n}', "JSON has no comments"),
        ('{"a": "b}', "the text that begins here has no closing quote"),
        ('{"a": "b\nc"}', "a text ends on its line; a new line in it is written `\\n`"),
        ('{"a": 1} x', "the document has ended before this"),
        ('{"a": 1}\xa0', "the document has ended before this"),
        ('\xa0{"a": 1}', "a blank stands here that JSON does not know"),
        ('{"a": 1,\u200b"b": 2}', "a blank stands here that JSON does not know"),
    ],
)
def test_what_is_no_json_says_what_to_mend(text: str, said: str) -> None:
    with pytest.raises(documents.NotJson) as refused:
        documents.loads(text)
    assert said in str(refused.value)
    assert said in refused.value.said


@pytest.mark.parametrize("text", ['{"a": 1, "b": 2, "a": 1}', '[{"x": {"a": 1, "a": null}}]'])
def test_a_key_that_stands_twice_is_named(text):
    with pytest.raises(documents.DuplicateKey, match='"a" stands twice'):
        documents.loads(text)


@pytest.mark.parametrize(
    "text", ["1E+401", "1e-5000", "1e99999999999999999999", "0." + "1" * 1000, "9" * 5000]
)
def test_a_number_no_database_can_hold_is_refused(text):
    with pytest.raises(documents.OutOfRange, match="out of range") as caught:
        documents.loads(f'{{"lines": [1, 2.5, {{"weight": {text}}}, {text}]}}')
    assert caught.value.path == "lines[2].weight"


@pytest.mark.parametrize("text", ["1e999", '{"a": 1e999,', '{"a": 1e999, "a": 1}'])
def test_a_number_whose_place_has_no_name_is_refused_all_the_same(text):
    with pytest.raises(documents.OutOfRange) as caught:
        documents.loads(text)
    assert caught.value.path == ""


def test_very_many_such_numbers_cost_no_more_than_one() -> None:
    text = "[" + "1e999," * 20_000 + "1]"
    tracemalloc.start()
    with pytest.raises(documents.OutOfRange) as caught:
        documents.loads(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.path == "[0]"
    assert peak < 20 * len(text)


def test_a_number_that_python_does_not_spell_is_refused_and_can_stand_in_a_message():
    with pytest.raises(documents.DocumentError, match="too many digits"):
        documents.dumps({"a": [10**5000]})
    assert documents.shorten(10**5000) == "int with too many digits"
    assert documents.shorten({1: 10**5000}) == "dict with too many digits"


@pytest.mark.parametrize(
    "data",
    [
        *("", " ", "{", '{"a":}', "[1,]", "{'a': 1}", '"\x00"', '"a\nb"', b"\xff", b'"\xc3"'),
        *("nul", "1 2", "\ufeff{}"),
    ],
)
def test_what_is_not_json_is_refused_in_words(data):
    with pytest.raises(documents.DocumentError) as caught:
        documents.loads(data)
    assert str(caught.value).startswith("The document ")


def test_a_byte_order_mark_is_no_part_of_a_document():
    assert documents.loads(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"a\u0000b"', r"a\u0000b"),
        (r'"\ud800"', r"\ud800"),
        (r'"\uDFFF!"', r"\udfff!"),
        (r'{"k\u0000": ["\udc00"]}', {r"k\u0000": [r"\udc00"]}),
        ('"\udc80"', r"\udc80"),
    ],
)
def test_what_a_database_cannot_store_becomes_visible(text, value):
    assert documents.loads(text) == value


@pytest.mark.parametrize("text", [r'"\ud83d\ude00"', '"😀"', r'"caf\u00e9"', r'"\\u0000"'])
def test_what_a_database_can_store_stays(text):
    assert documents.loads(text) == json.loads(text)


def test_keys_that_become_the_same_when_made_visible_are_refused():
    with pytest.raises(documents.DuplicateKey):
        documents.loads(r'{"a\u0000": 1, "a\\u0000": 2}')


def test_a_lone_surrogate_made_in_python_leaves_visible():
    assert documents.dumps({"a\ud800": ["\udfff"]}) == rb'{"a\\ud800":["\\udfff"]}'


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_sixty_four_levels_are_read_and_one_more_is_not(opening):
    closing = "]" if opening == "[" else "}"
    documents.loads(opening * 64 + "1" + closing * 64)
    for inside in ("1", opening.rstrip('"a:') + closing):
        with pytest.raises(documents.TooDeep):
            documents.loads(opening * 65 + inside + closing * 65)


def test_a_document_of_a_hundred_thousand_levels_is_refused_not_a_crash():
    with pytest.raises(documents.DocumentError):
        documents.loads("[" * 100_000 + "]" * 100_000)


def test_many_brackets_side_by_side_are_not_deep():
    assert len(documents.loads("[" + ",".join(["[]"] * 500) + "]")) == 500


def test_a_value_that_holds_itself_is_too_deep():
    value: list = []
    value.append(value)
    with pytest.raises(documents.TooDeep):
        documents.bounded(value)
    with pytest.raises(documents.TooDeep):
        documents.dumps(value)


def test_a_bounded_value_is_given_back():
    value = {"a": [1, {"b": None}]}
    assert documents.bounded(value) is value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("planned", '"planned"'),
        (None, "null"),
        ({"a": Decimal("1.50")}, '{"a":1.50}'),
        ("x" * 200, '"' + "x" * 78 + "…"),
        (["long"] * 100, '["long",' + '"long",' * 10 + '"…'),
        ("a\nb\x00", r'"a\nb\u0000"'),
    ],
)
def test_a_value_in_a_message_is_cut_to_eighty_characters(value, text):
    short = documents.shorten(value)
    assert short == text
    assert len(short) <= 80


@pytest.mark.parametrize("value", [object(), Decimal("NaN"), {1: 2}, "\ud800", {"a": "\udfff"}])
def test_any_value_can_stand_in_a_message(value):
    documents.shorten(value).encode()
