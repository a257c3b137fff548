"""A letter as fields of a transport order, and what it leaves out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from integrations.core.errors import Problem
from integrations.core.letter import cargo, moments, page, route
from integrations.core.letter.cargo import Cargo
from integrations.core.letter.route import Place, Route
from integrations.core.letter.sheet import Found, Sheet, Span
from otms.documents import shorten

CONSIGNMENT = "consignments[0]"
PARTIES = {"pickup": "originalPhysicalSender", "delivery": "originalPhysicalAddressee"}
# What somebody who carries it has to know.
NEEDED = ("goods", "pickup", "delivery", "date")
# A temperature alone is no goods, and an hour no date.
_SAYS = {
    "goods": ("quantity", "weight", "grossWeight", "loadMeters", "volume"),
    "date": ("date",),
}

Fields = dict[str, Found]
Parts = dict[str, Sheet]
# How sure a field may be that stands in a quote, below goods of the mail's own.
QUOTED = 0.3
# What is left of the score for each piece of the text that was not used.
UNREAD = 0.9


@dataclass(frozen=True)
class Notice(Problem):
    """What to look at in a part of the mail, which is its field."""

    span: Span = (0, 0)


@dataclass(frozen=True)
class Letter:
    """What was found, by the path of the field in an order; what is missing; what to look at."""

    fields: Fields
    missing: list[str]
    score: float
    problems: list[Problem] = field(default_factory=list)

    @property
    def useful(self) -> bool:
        """Is there enough for a draft: goods, or an end of the way?"""
        return len({"goods", "pickup", "delivery"} - set(self.missing)) > 0

    def order(self) -> dict[str, Any]:
        """The fields as a tree, in the form in which an order is sent."""
        tree: dict[str, Any] = {}
        for path, found in self.fields.items():
            _set(tree, path, found.value)
        return tree


def read(body: str, subject: str, today: date) -> Letter:
    """Read a letter. What the body says counts; the subject fills what the body leaves out."""
    sheets = {"body": Sheet(body), "subject": Sheet(subject)}
    for sheet in sheets.values():
        route.hide_what_is_no_order(sheet)
    # To see afterwards what nothing used: the places stay the same.
    rests = {part: Sheet(sheet.left) for part, sheet in sheets.items()}
    goods, way = _read(sheets["body"], today)
    more_goods, more_way = _read(sheets["subject"], today)
    quote = _quote(body, goods)
    groups = [(name, _doubted(fields, quote)) for name, fields in _groups(goods, way)]
    known = {name for name, fields in groups if fields}
    for name, fields in _groups(more_goods, more_way):
        if fields and name not in known:
            in_subject = {path: each.but(part="subject") for path, each in fields.items()}
            groups.append((name, in_subject))
    references = _doubted(_references(goods, more_goods), quote)
    fields = {path: each for _, group in groups for path, each in group.items()} | references
    unread = [*_unread(sheets, rests, fields)]
    scores = {name: _score(groups, name) for name in NEEDED}
    return Letter(
        fields,
        [name for name in ("pickup", "delivery", "date", "goods") if not scores[name]],
        round(sum(scores.values()) / len(NEEDED) * UNREAD ** len(unread), 2),
        [*_problems(fields, way), *_quoted(fields, quote), *unread],
    )


def _read(sheet: Sheet, today: date) -> tuple[Cargo, Route]:
    goods = cargo.read(sheet)
    return goods, route.read(sheet, moments.read(sheet, today))


def _groups(goods: Cargo, way: Route) -> Iterator[tuple[str, Fields]]:
    """The fields by what they tell; a subject is asked only for what the body does not tell."""
    at = f"{CONSIGNMENT}.externalAttributes"
    lines = {
        f"{CONSIGNMENT}.goods[{number}].{name}": found
        for number, line in enumerate(goods.lines)
        for name, found in line.fields.items()
    }
    together = {f"{at}.{name}": found for name, found in goods.together.items()}
    yield "goods", {**lines, **together}
    dates: Fields = {}
    for kind, party in PARTIES.items():
        end: Place = way.of(kind)
        yield kind, {f"{CONSIGNMENT}.{party}.{name}": found for name, found in end.fields.items()}
        dates |= {f"{at}.{kind}.{name}": found for name, found in end.moments.items()}
    if way.day is not None:
        dates[f"{at}.date"] = way.day
    yield "date", dates


def _references(goods: Cargo, more: Cargo) -> Fields:
    found: list[Found] = []
    for each in (*goods.references, *(ref.but(part="subject") for ref in more.references)):
        if each.value not in [known.value for known in found]:
            found.append(each)
    return {f"externalAttributes.references[{n}]": each for n, each in enumerate(found)}


def _quote(body: str, goods: Cargo) -> int:
    """Where the first quote begins that has goods above it; what is only forwarded has none."""
    places = [
        found.span[0]
        for line in goods.lines
        for name, found in line.fields.items()
        if name.rpartition(".")[2] in _SAYS["goods"]
    ]
    first = min(places, default=len(body))
    return next((place for place in page.quotes(body) if place > first), len(body))


def _doubted(fields: Fields, quote: int) -> Fields:
    """The same, less sure where it stands in the quote."""
    return {
        path: found.but(
            confidence=min(found.confidence, QUOTED),
            alternatives=tuple((each, min(sure, QUOTED / 3)) for each, sure in found.alternatives),
        )
        if _is_quoted(found, quote)
        else found
        for path, found in fields.items()
    }


def _is_quoted(found: Found, quote: int) -> bool:
    return found.part == "body" and found.span[0] >= quote


def _quoted(fields: Fields, quote: int) -> Iterator[Problem]:
    """One for each line of goods and each place, not for each of its fields."""
    paths = [path.rpartition(".")[0] for path, each in fields.items() if _is_quoted(each, quote)]
    text = "This stands in what the mail quotes, below goods of its own: does it still hold?"
    for path in dict.fromkeys(paths):
        yield Problem(path, "quoted", text)


def _unread(sheets: Parts, rests: Parts, fields: Fields) -> Iterator[Notice]:
    """What looks like a part of the order and is not in the draft; what is there once is read."""
    said = {path: _words(sheets[each.part].text, each.span) for path, each in fields.items()}
    codes = tuple(f"{each} " for path, each in said.items() if path.endswith(".postalCode"))
    counts = {each.value for path, each in fields.items() if path.endswith(".quantity")}
    for part, sheet in sheets.items():
        spans = [each.span for each in fields.values() if each.part == part]
        rests[part].hide(spans)
        sheet.hide(spans)
        goods = [span for span, count in cargo.left_over(rests[part]) if count not in counts]
        for span in sorted({*goods, *route.left_over(sheet)}):
            words = _words(sheet.text, span)
            if words not in said.values() and not words.startswith(codes):
                text = f"{shorten(words)} was seen and not used: look at it."
                yield Notice(part, "unread", text, span=span)


def _words(text: str, span: Span) -> str:
    return " ".join(text[slice(*span)].split())


def _score(groups: list[tuple[str, Fields]], name: str) -> float:
    """How sure the least sure field is of what tells one of the four; 0 if nothing tells it."""
    told = {
        path: each for group, fields in groups if group == name for path, each in fields.items()
    }
    says = _SAYS.get(name)
    if says and not any(path.rpartition(".")[2] in says for path in told):
        return 0
    return min((each.confidence for each in told.values()), default=0)


def _problems(fields: Fields, way: Route) -> Iterator[Problem]:
    for path, found in fields.items():
        if found.alternatives:
            others = " or ".join(spoken(value) for value, _ in found.alternatives)
            text = f"This can be read as {spoken(found.value)} or as {others}: look at it."
            yield Problem(path, "ambiguous", text)
    for kind, party in PARTIES.items():
        if (stops := way.of(kind).stops) > 1:
            text = f"The mail names {stops} places of {kind}; the draft has the first."
            yield Problem(f"{CONSIGNMENT}.{party}", "several_places", text)


def spoken(value: Any) -> str:
    """A value as people write it: 450 kg, 2 to 8 °C."""
    if not isinstance(value, dict):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if "min" in value:
        return f"{value['min']} to {value['max']} °{value['unit']}"
    return f"{value['value']} {value['unit']}"


def _set(tree: Any, path: str, value: Any) -> None:
    """Put a value where `consignments[0].goods[1].quantity` says."""
    *steps, last = (int(step) if step.isdigit() else step for step in re.findall(r"\w+", path))
    for step, following in zip(steps, [*steps[1:], last], strict=True):
        empty: Any = [] if isinstance(following, int) else {}
        tree = _at(tree, step, empty)
    _at(tree, last, value)


def _at(tree: Any, step: str | int, empty: Any) -> Any:
    """What stands there; `empty` where nothing does yet."""
    if isinstance(tree, dict):
        return tree.setdefault(step, empty)
    if step == len(tree):
        tree.append(empty)
    return tree[step]
