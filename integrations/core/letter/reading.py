"""A letter as fields of a transport order, and what it leaves out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from integrations.core.errors import Problem
from integrations.core.letter import cargo, moments, route
from integrations.core.letter.cargo import Cargo
from integrations.core.letter.route import Place, Route
from integrations.core.letter.sheet import Found, Sheet

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
    sheet, head = Sheet(body), Sheet(subject)
    goods, way = _read(sheet, today)
    more_goods, more_way = _read(head, today)
    groups = [*_groups(goods, way)]
    known = {name for name, fields in groups if fields}
    for name, fields in _groups(more_goods, more_way):
        if fields and name not in known:
            in_subject = {path: each.but(part="subject") for path, each in fields.items()}
            groups.append((name, in_subject))
    references = _references(goods, more_goods)
    fields = {path: each for _, group in groups for path, each in group.items()} | references
    scores = {name: _score(groups, name) for name in NEEDED}
    return Letter(
        fields,
        [name for name in ("pickup", "delivery", "date", "goods") if not scores[name]],
        round(sum(scores.values()) / len(NEEDED), 2),
        [*_problems(fields, way)],
    )


def _read(sheet: Sheet, today: date) -> tuple[Cargo, Route]:
    route.hide_what_is_no_order(sheet)
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
