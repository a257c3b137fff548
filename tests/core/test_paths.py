"""The fast path finds what jsonpath-ng finds, and no path runs away."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext import parse

from integrations.core import paths
from integrations.core.paths import PathError
from integrations.core.work import Work

ORDER = {
    "transportOrder": {
        "id": "1",
        "customer": {"name": "Acme Corp", "c d": 1, "0": "zero", "true": 7, "null": None},
        "lines": [{"w": Decimal("1.1"), "t": "a"}, {"w": 2, "t": "b"}, {"t": "a"}],
        "note": None,
        "text": "text",
    }
}


def found(text, document=ORDER):
    return paths.compile(text).find(document)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("$", [ORDER]),
        ("$.transportOrder.id", ["1"]),
        ("$['transportOrder'][\"id\"]", ["1"]),
        ("$.transportOrder.customer['c d']", [1]),
        ("$.transportOrder.lines[0].t", ["a"]),
        ("$.transportOrder.lines[-1].t", ["a"]),
        ("$.transportOrder.lines[3].t", []),
        ("$.transportOrder.lines[-4].t", []),
        ("$.transportOrder.lines.t", []),
        ("$.transportOrder.lines.0", []),
        ("$.transportOrder.customer[0]", []),
        ("$.transportOrder.customer.0", ["zero"]),
        ("$.transportOrder.customer['0']", ["zero"]),
        ("$.transportOrder.customer.true", [7]),
        ("$.transportOrder.customer.null", [None]),
        ("$.transportOrder.note", [None]),
        ("$.transportOrder.note.deeper", []),
        ("$.transportOrder.text[0]", []),
        ("$.transportOrder.text.upper", []),
        ("$.transportOrder.lines[0].w.real", []),
        ("$.transportOrder.lines[*].w", [Decimal("1.1"), 2]),
        ("$.transportOrder.lines[0:2].t", ["a", "b"]),
        ("$.transportOrder.lines[0,2].t", ["a", "a"]),
        ("$.transportOrder.customer['c d','0']", [1, "zero"]),
        ("$..t", ["a", "b", "a"]),
        ("$.transportOrder.lines[?(@.t == 'b')].w", [2]),
        ("$.transportOrder.lines.`len`", [3]),
        ("@.transportOrder.id", ["1"]),
    ],
)
def test_a_path_finds_its_values(text, values):
    assert found(text) == values


NAMES = st.sampled_from(["a", "b", "c d", "0", "-1", "x-y", "null", "true", "where", "*", "$", ""])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "ab", "0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=25,
)
STEPS = st.one_of(
    NAMES.map(lambda name: f"['{name}']"),
    NAMES.map(lambda name: f'["{name}"]'),
    st.sampled_from([".a", ".b", ".x-y", ".null", ".true", ".a1", "._", ".0", ".where"]),
    st.integers(-3, 3).map(lambda index: f"[{index}]"),
)


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS, st.lists(STEPS, max_size=4), st.sampled_from("$@"))
@example({"a": "ab"}, [".a", "[0]"], "$")
@example(["a"], ["[-1]", "[0]"], "@")
def test_a_plain_chain_finds_what_jsonpath_ng_finds(document, steps, start):
    text = start + "".join(steps)
    try:
        tree = parse(text)
    except JSONPathError:
        with pytest.raises(PathError):
            paths.compile(text)
        return
    path = paths.compile(text)
    assert path.one
    assert path.find(document) == [match.value for match in tree.find(document)]


MORE_STEPS = st.sampled_from(
    [
        *(".*", "[*]", "[0:2]", "[-1:]", "[0,1]", "['a','b']", "..a", "..*", "..[0]"),
        *("[?(@.a == 1)]", "[?@.b]", "[?(@.a > 0 && @.b)]", "[?!@.a]"),
        *(".`len`", ".`keys`", "[/a]", "[\\a,/b]", "..['a','b']", "..[?(@.a)]", "..`len`"),
        *("[?(@.a >= @.b)]", "[?(@.a == $.a)]", "[?(@[*] != 1 || @.b == null)]", "[?(@.a < 'b')]"),
        *(
            ".`parent`",
            ".`path`",
            ".`str()`",
            ".`split(a, 0, -1)`",
            ".`split(a, *, 1)`",
            "[2:0:-1]",
        ),
    ]
)


@settings(max_examples=600, deadline=None)
@given(DOCUMENTS, st.lists(STEPS | MORE_STEPS, min_size=1, max_size=4))
def test_without_decimals_any_path_finds_what_jsonpath_ng_finds(document, steps):
    text = "$" + "".join(steps)
    try:
        expected = [match.value for match in parse(text).find(document)]
    except (JSONPathError, TypeError, AttributeError, AssertionError):
        with pytest.raises(PathError):
            found(text, document)
        return
    if text.count("..") < 2:
        assert found(text, document) == expected


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("$", True),
        ("$.a.b[0]['c']", True),
        ("$.a.0", True),
        ("$.a.`len`", True),
        ("$.a.`split(-, 0, -1)`", True),
        ("$.*", False),
        ("$.a[*]", False),
        ("$..a", False),
        ("$.a[1:2]", False),
        ("$.a[0,1]", False),
        ("$['a','b']", False),
        ("$.a[?(@.b==1)]", False),
        ("$.a.`keys`", False),
    ],
)
def test_a_path_knows_whether_it_finds_one_value(text, one):
    assert paths.compile(text).one is one


def test_the_first_value_or_a_default_is_given():
    assert paths.compile("$.transportOrder.lines[*].t").first(ORDER) == "a"
    assert paths.compile("$.transportOrder.note").first(ORDER, "none") is None
    for text in ("$.no", "$.no[*]"):
        assert paths.compile(text).first(ORDER, "none") == "none"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "empty"),
        ("   ", "empty"),
        (None, "empty"),
        (5, "empty"),
        ("transportOrder.id", r"must start with `\$\.`, such as `\$\.transportOrder\.id`"),
        (" $.a", "must start"),
        ("$transportOrder", "needs a dot"),
        ("$5.00", "with two of them"),
        ("@name", "needs a dot"),
        ("$." + "a" * 511, "longer than 512"),
        ("$..a..b", "more than one"),
        ("$.a[?(@.b =~ '(a+)+$')]", "=~"),
        ("$.a.`sub(/(a+)+$/, b)`", "not supported"),
        (r"$.a.`s\ub(/(a+)+$/, b)`", "not supported"),
        ("$.a[", "not a path"),
        ("$.", "not a path"),
        ("$.a b", "not a path"),
        ("$.straße", r"write odd names as `\$\['odd name'\]`"),
        ("$.a.`nonsense`", "not a path"),
        ("$.a.`split(`", "not a path"),
        ("$.a.$", "only stand at the beginning"),
        ("$.(a|b)", r"write `\$\['a','b'\]` for both"),
        ("$.(a&b)", "do not join"),
        ("$.a where b", "not supported"),
        ("$.a * $.a * $.a", "do not calculate"),
        ("$.a + 'text'", "do not calculate"),
        ("$.a[?(@.b + 1 > 2)]", "do not calculate"),
        ("$.`parent`.b - 1", "do not calculate"),
        ("$.a[?($.b[*].c == 1)]", "must name one value"),
        ("$.a[?(@.`parent`.b == 1)]", "cannot stand inside a filter"),
        ("$.a['\x00", "not a path"),
        ("$" + "(" * 400, "not a path"),
    ],
)
def test_a_path_that_cannot_be_used_says_what_to_write(text, advice):
    with pytest.raises(PathError, match=advice) as caught:
        paths.compile(text)
    assert len(str(caught.value)) < 500


@settings(max_examples=200, deadline=None)
@given(st.text("$@.[]()'\"`*?,:|&=<>!~+-/\\ ab01é\n", max_size=25))
def test_no_text_breaks_the_compiler_or_the_search(text):
    with contextlib.suppress(PathError):
        paths.compile("$" + text).find({"a": [1, {"b": "ab"}], "b": None})


def test_a_path_of_the_longest_length_is_fine():
    assert found("$." + "a" * 510) == []


def test_a_path_is_compiled_once():
    assert paths.compile("$.a.b") is paths.compile("$.a.b")


@pytest.mark.parametrize(
    ("test", "kept"),
    [
        ("@.w > 1", [Decimal("1.1"), 2]),
        ("@.w >= 1.1", [Decimal("1.1"), 2]),
        ("@.w == 1.1", [Decimal("1.1")]),
        ("@.w == 1.10", [Decimal("1.1")]),
        ("@.w > 1.09999999999999999999", [Decimal("1.1"), 2]),
        ("@.w != 1.1", [2]),
        ("@.w < 2", [Decimal("1.1")]),
        ("@.w > $.least", [Decimal("1.1"), 2]),
        ("@.w > 'a'", []),
        ("@.w == null", []),
        ("@.w > 1 & @.t == b", [2]),
        ("@.w > 1 && @.t == 'b'", [2]),
    ],
)
def test_decimals_compare_as_numbers_in_a_filter(test, kept):
    document = {**ORDER["transportOrder"], "least": Decimal("0.5")}
    assert found(f"$.lines[?({test})].w", document) == kept


@pytest.mark.parametrize("text", ["$.`parent`", "$.mixed.`sorted`", "$.n.`sorted`"])
def test_a_path_that_does_not_fit_the_document_says_so(text):
    with pytest.raises(PathError, match="cannot be applied to this document"):
        found(text, {"n": 1, "mixed": [1, "a"]})


def test_equal_numbers_below_two_names_are_two():
    work, document = Work(), {"a": {"n": 5}, "b": {"n": 5}}
    for name in ("a", "b"):
        path = paths.compile(f"$.{name}.n..`parent`")
        assert path.find(document, work)[0] is document[name]


def test_what_was_found_twice_is_not_one_list():
    work, document = Work(), {"a": [1, 2]}
    paths.compile("$.a[*]").find(document, work).clear()
    assert paths.compile("$.a[*]").find(document, work) == [1, 2]
