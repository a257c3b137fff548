"""Whatever somebody sends: it is read in time, and nothing raises."""

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.core import letter
from integrations.core.letter import Found
from tests.core.letters import FRIDAY

PIECES = [
    *"\n \t\r\0.,:-/()<>&@+°'\u2019",
    *("20", "1.250,50", "12.400", "3011 AA", "D-47119", "03/04", "24.03.2026", "08:00-12:00", "99"),
    *("pallets", "kg", "t", "ldm", "m3", "°C", "UN 1203", "ADR", "class", "per", "à", "x", "2 IBC"),
    *("pickup", "Lossen", "from", "naar", "van", "to", "in", "Gent", "Köln", "B.V.", "Germany"),
    *("PO", "ref", "4711", "Tuesday", "morgen", "24 March", "tel", "From:", "Subject:", "Regards"),
    *("<p>", "</p>", "<!--", "&#9999999;", "&#x110000;", "é", "\u2028", "🚛", "İ", "ß"),
]  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=60).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
)


def spelled(found: Found) -> str:
    """What has to stand, in some form, where the field points."""
    value = found.value
    return str(value["value"] if isinstance(value, dict) and "value" in value else value)


@given(TEXTS, TEXTS)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_every_field_points_at_what_it_claims_and_nothing_raises(body: str, subject: str) -> None:
    letter.plain(body)
    letter.is_automatic(body, subject)
    assert 0 <= letter.end_of_new(body) <= len(body)
    found = letter.read(body, subject, FRIDAY)
    assert 0 <= found.score <= 1
    found.order()
    for path, each in found.fields.items():
        text = subject if each.part == "subject" else body
        begin, end = each.span
        assert 0 <= begin < end <= len(text), path
        assert 0 < each.confidence <= 1
        piece = text[begin:end]
        last = path.rpartition(".")[2].partition("[")[0]
        if last in (
            "name",
            "street",
            "city",
            "postalCode",
            "references",
            "description",
            "unNumbers",
        ):
            assert each.value in piece, path
        elif last in ("date", "from", "until", "quantity", "weight", "volume", "temperature"):
            assert piece.strip(), path
            assert re.search(r"\d|[^\W\d_]", piece), path
        assert piece == piece.strip(), path


@pytest.mark.timeout(60)
@pytest.mark.parametrize("size", [50_000, pytest.param(200_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("seed", ["1", "\n", "<!--", "&#", "Aa-", "1 kg "])
def test_a_long_text_is_read_in_time(seed: str, size: int) -> None:
    """50 kB: what takes less than a second would take minutes if it grew with the square."""
    text = seed * (size // len(seed))
    letter.read(letter.plain(text), text[:1000], FRIDAY)
    letter.end_of_new(text)


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    for name in ("cargo", "moments", "page", "route"):
        module = import_module(f"integrations.core.letter.{name}")
        for key, value in vars(module).items():
            for each in value if isinstance(value, list) else [value]:
                found = each[0] if isinstance(each, tuple) and each else each
                if isinstance(found, re.Pattern):
                    yield f"{name}.{key}", found


def repeats(tree: Any) -> Iterator[int]:
    """How often the parts of a pattern may repeat."""
    for operator, argument in tree:
        if str(operator) in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            yield int(argument[1])
        stack = [argument]
        while stack:
            each = stack.pop()
            if isinstance(each, sys.modules["re"]._parser.SubPattern):  # type: ignore[attr-defined]
                yield from repeats(each)
            elif isinstance(each, list | tuple):
                stack += each


def test_a_planted_repetition_is_found() -> None:
    assert max(repeats(re._parser.parse("(?:a(b|c+))"))) > 300  # type: ignore[attr-defined]


def test_no_rule_repeats_without_a_bound() -> None:
    found = dict(patterns())
    assert len(found) > 25
    for name, pattern in found.items():
        tree = re._parser.parse(pattern.pattern, pattern.flags)  # type: ignore[attr-defined]
        assert max(repeats(tree), default=0) <= 300, name
