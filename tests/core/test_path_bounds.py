"""How much a path may find, and how much work it may be."""

import pytest

from integrations.core import paths
from integrations.core.paths import PathError
from integrations.core.work import MOST, Work
from tests.core.test_paths import found


def nested(width, depth):
    value = 1
    for _ in range(depth):
        value = [value] * width
    return value


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("$[*]", [0] * 10_001),
        ("$..*", [0] * 10_001),
        ("$[*].`parent`[*]", [0] * 1_000),
        ("$" + "[0,0]" * 60, nested(1, 60)),
        ("$" + "['a','a']" * 50, None),
        ("$" + "[*]" * 7, nested(10, 5)),
    ],
)
@pytest.mark.timeout(30)
def test_a_path_that_finds_too_much_is_stopped(text, document):
    if document is None:
        for _ in range(50):
            document = {"a": document}
    with pytest.raises(PathError, match="more than 10000 values"):
        found(text, document)


def test_a_path_that_visits_too_much_is_stopped(monkeypatch):
    monkeypatch.setattr("integrations.core.work.MOST", 1_500)
    document = [[0] * 100]
    with pytest.raises(PathError, match="too much work"):
        found("$" + "[0,0,0,0]" * 2 + "..x", [[[0] * 100]])
    with pytest.raises(PathError, match="too much work"):
        found("$[0,0,0,0,0,0,0,0,0,0,0][?(@.x == 1)]", document)
    with pytest.raises(PathError, match="too much work"):
        found("$[?(@.a[?(@.b == 1)])]", [{"a": [{"b": 0}] * 20}] * 20)
    monkeypatch.setattr("integrations.core.work.MOST", 3_000)
    assert found("$[?(@.a[?(@.b == 0)])].c", [{"a": [{"b": 0}] * 5, "c": 1}] * 5) == [1] * 5


def test_the_same_search_twice_is_done_once():
    document = {"a": [{"b": [1] * 1_000}] * 5}
    work = Work()
    paths.compile("$..b").find(document, work)
    once = MOST - work.left
    paths.compile("$..c").find(document, work)
    paths.compile("$..b").find(document, work)
    assert MOST - work.left < once + 100


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("$..x", lambda: [{} for _ in range(600_000)]),
        ("$..`len`", lambda: [[[1] * 50 for _ in range(50)] for _ in range(1_000)]),
        ("$..[0:0]", lambda: [[1] for _ in range(300_000)]),
        ("$[*]" + "[0]" * 100, lambda: [nested(1, 100)] * 10_000),
        ("$[?(@.a.b.c.d.e.f == 1)]", lambda: [{"a": {"b": {"c": {"d": {"e": {}}}}}}] * 200_000),
        ("$.l[?(@ == $.m)]", lambda: {"l": [[1] * 1_000 + [2]] * 1_000, "m": [1] * 1_000 + [3]}),
        ("$[?(@.x == $[0].x)]", lambda: [{"x": "a" * 1_000_000}] * 5_000),
        ("$[/y,/x]", lambda: [{"x": number * 7919 % 30_011, "y": 1} for number in range(30_000)]),
        ("$[*].`parent`.`str()`", lambda: [1] * 5_000),
        ("$[*].`split(a, *, -1)`", lambda: ["a" * 1_000_000] * 100),
        ("$" + ".*" * 8, lambda: {str(key): nested(1, 8) for key in range(10_001)}),
    ],
)
@pytest.mark.timeout(30)
def test_a_path_that_is_too_much_work_is_stopped_in_time(text, document):
    """The documents are made here: no test run that only passes by has to hold them."""
    path, made = paths.compile(text), document()
    with pytest.raises(PathError, match=r"too much work|more than 10000 values"):
        path.find(made)


def test_ten_thousand_values_are_found():
    assert len(found("$[*]", [0] * 10_000)) == 10_000
