"""Does this change concern the integration? And if not, which filter said no, on which value?

Filters are data: a list, all of which must hold. An entry is a comparison
`{"field": "$.transportOrder.status", "operator": "eq", "value": "requested"}` or a group,
`{"any": [...]}`, `{"all": [...]}` or `{"not": {...}}`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

from integrations.core import paths
from integrations.core.comparisons import OPERATORS, Sight
from integrations.core.errors import FilterError, Problem, shown, too_large
from integrations.core.steps import Node
from integrations.core.work import Exhausted, Work
from otms.documents import DEPTH
from otms.spelling import did_you_mean, nearest

GROUPS = ("any", "all", "not")
KEYS = ("field", "operator", "value")
# What operators are called elsewhere.
CALLED_SO = {
    **dict.fromkeys(("equals", "equal", "is", "=", "==", "==="), "eq"),
    **dict.fromkeys(("notequals", "not", "!=", "<>"), "ne"),
    **{">": "gt", ">=": "gte", "<": "lt", "<=": "lte"},
}
LONGEST_REASON = 500
MOST = 1_000  # comparisons and groups in one list
MOST_NAMED = 20
COMPARISON = 100  # what any comparison takes, in units of work

VALUES = {
    "any": "a value",
    "list": "a list",
    "order": "a number or a text",
    "scalar": "a single value",
    "text": "a text of at most 512 characters",
}


@dataclass(frozen=True)
class ChangeView:
    """The document as it was before the change; None when the record was created."""

    before: Mapping[str, Any] | None

    @classmethod
    def of(cls, document: Any) -> "ChangeView":
        """Take the earlier snapshot from where a change carries it: `before`."""
        before = document.get("before") if isinstance(document, Mapping) else None
        return cls(before if isinstance(before, Mapping) else None)


@dataclass(frozen=True)
class Verdict:
    """What the filters say: the trace has every comparison, the reason the one that decided."""

    matched: bool
    trace: list[dict[str, Any]]
    reason: str


@dataclass(frozen=True)
class Filters:
    """A compiled list of filters, good for any number of documents and threads."""

    source: list[Any]
    _paths: dict[str, paths.Path]

    def evaluate(
        self,
        document: Any,
        changed: ChangeView | None = None,
        *,
        item: Node | None = None,
        work: Work | None = None,
    ) -> Verdict:
        """Judge a document; every comparison is made, so that the trace is whole.

        In a loop of a mapping also its item (`@`), by the work that is left to the mapping.
        """
        if not self.source:
            return Verdict(True, [], "There are no filters.")
        court = _Court(document, changed or ChangeView.of(document), self._paths, item, work)
        rulings = [
            court.judge(each, f"[{place}]", "wants") for place, each in enumerate(self.source)
        ]
        ruling = _settle(rulings, decisive=False)
        if ruling.matched:
            return Verdict(True, court.trace, "All filters hold.")
        reason = ruling.reason()
        if len(reason) > LONGEST_REASON:
            reason = reason[: LONGEST_REASON - 1] + "…"
        return Verdict(False, court.trace, reason)


def compile(filters: list[Any], *, in_loop: bool = False) -> Filters:
    """Compile a list of filters, or say what is wrong with it first."""
    for problem in check(filters, in_loop=in_loop):
        raise FilterError(problem.field, shown(filters), problem.message)
    return Filters(filters or [], {text: paths.compile(text) for _, text in fields(filters)})


def evaluate(filters: list[Any], document: Any, changed: ChangeView | None = None) -> Verdict:
    """Compile filters and judge one document by them."""
    return compile(filters).evaluate(document, changed)


def check(filters: Any, *, in_loop: bool = False) -> list[Problem]:
    """List everything that is wrong with a list of filters; in a loop `@` is its item."""
    if filters is None:
        return []
    if not isinstance(filters, list):
        return [Problem("", "invalid_filters", "Write the filters as a list, [] for none.")]
    entries = list(islice(_entries(filters), MOST + 1))
    if len(entries) > MOST:
        return [Problem("", "too_many", f"Write at most {MOST} comparisons and groups.")]
    if paths.reading(_spelled(each.get("field")) for each in entries) > paths.READING:
        message = "There are too many paths with `..`, `*` or conditions; name whole paths instead."
        return [Problem("", "too_many", message)]
    found = [p for place, each in enumerate(filters) for p in _check(each, f"[{place}]", in_loop)]
    return found or too_large(filters, "A list of filters")


def fields(filters: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """The paths that checked filters compare, each with the place where it stands."""
    for number, each in enumerate(filters or []):
        here = f"{place}[{number}]"
        while "not" in each:
            each, here = each["not"], f"{here}.not"
        for group in ("any", "all"):
            if group in each:
                yield from fields(each[group], f"{here}.{group}")
        if "field" in each:
            yield f"{here}.field", _spelled(each["field"])


class _Ruling(NamedTuple):
    """A ruling gives its reason only when asked: most are never read."""

    matched: bool
    reason: Callable[[], str]


class _Court:
    """The judgement of one document."""

    def __init__(
        self,
        document: Any,
        changed: ChangeView,
        compiled: Mapping[str, paths.Path],
        item: Node | None = None,
        work: Work | None = None,
    ) -> None:
        self._document = document
        self._item = item
        self._before = changed.before
        self._paths = compiled
        self._work = work or Work()
        self.trace: list[dict[str, Any]] = []

    def judge(self, each: Any, place: str, wants: str) -> _Ruling:
        """Judge a comparison or a group; the reason says what decided it."""
        if "not" in each:
            opposite = "wants not" if wants == "wants" else "wants"
            matched, reason = self.judge(each["not"], f"{place}.not", opposite)
            return _Ruling(not matched, reason)
        for group in ("any", "all"):
            if group in each:
                rulings = [
                    self.judge(one, f"{place}.{group}[{number}]", wants)
                    for number, one in enumerate(each[group])
                ]
                return _settle(rulings, decisive=group == "any")
        return self._compare(each, place, wants)

    def _compare(self, leaf: Mapping[str, Any], place: str, wants: str) -> _Ruling:
        name, value = leaf["operator"], leaf.get("value")
        operator, path = OPERATORS[name], self._paths[_spelled(leaf["field"])]
        try:
            self._work.spend(COMPARISON)
            if path.text.startswith("@") and self._item:
                now = path.find(self._item[0], self._work, self._item)
            else:
                now = path.find(self._document, self._work)
            matched, note = operator.test(Sight(path, now, self._before, self._work), value)
        except Exhausted:
            message = f"`{name}`: `{path.text}` {paths.TOO_MUCH}"
            raise FilterError(place, shown(leaf), message) from None
        except (ValueError, TypeError, ArithmeticError) as error:
            raise FilterError(place, shown(leaf), f"`{name}`: {error}") from error
        seen = now if not path.one else (now[0] if now else None)
        entry = {"field": path.text, "operator": name, "value": value, "seen": _kept(seen)}
        self.trace.append({**entry, "matched": matched} | ({"note": note} if note else {}))

        def reason() -> str:
            found = f"is {shown(seen)}" if now else "finds nothing"
            wanted = str(name) if operator.takes == "nothing" else f"{name} {shown(value)}"
            aside = f" ({note})" if note and now else ""
            return f"{path.text} {found}, the filter {wants} {wanted}{aside}"

        return _Ruling(matched, reason)


def _settle(rulings: list[_Ruling], *, decisive: bool) -> _Ruling:
    """One decisive ruling settles a group; without one, all of them together do."""
    for ruling in rulings:
        if ruling.matched is decisive:
            return ruling

    def reason() -> str:
        told = "; ".join(ruling.reason() for ruling in rulings)
        return f"none of these holds: {told}" if decisive and len(rulings) > 1 else told

    return _Ruling(not decisive, reason)


def _kept(seen: Any) -> Any:
    """Keep what was seen in a trace, short: traces are stored for every change."""
    if not isinstance(seen, str | list | dict) or (isinstance(seen, str) and len(seen) < 40):
        return seen
    text = shown(seen)
    return text if text.endswith("…") else seen


def _spelled(field: Any) -> Any:
    # As in a mapping, the vendor's spelling without `$.` is taken.
    return f"$.{field}" if isinstance(field, str) and field and field[0] not in "$@" else field


def _entries(filters: list[Any]) -> Iterator[Mapping[str, Any]]:
    """Every comparison and list, and {} for what is neither, in no order that means anything."""
    stack = list(filters)
    while stack:
        each = stack.pop()
        while isinstance(each, Mapping) and "not" in each:
            each = each["not"]
        yield each if isinstance(each, Mapping) else {}
        for group in ("any", "all") if isinstance(each, Mapping) else ():
            inside = each.get(group)
            stack += inside if isinstance(inside, list) else []


def _check(each: Any, place: str, in_loop: bool, depth: int = 1) -> list[Problem]:
    if not isinstance(each, Mapping):
        return [Problem(place, "invalid_filter", "Write the filter as an object.")]
    if depth > DEPTH:
        return [Problem(place, "too_deep", f"Nest at most {DEPTH} groups.")]
    groups = [key for key in GROUPS if key in each]
    if not groups:
        return _check_comparison(each, place, in_loop)
    if len(each) > 1:
        message = f"Leave only `{groups[0]}` here; a group has nothing beside it."
        return [Problem(place, "mixed_keys", message)]
    group, inside = groups[0], each[groups[0]]
    if group == "not":
        return _check(inside, f"{place}.not", in_loop, depth + 1)
    if not isinstance(inside, list) or not inside:
        message = "Write a list with at least one filter."
        return [Problem(f"{place}.{group}", "invalid_group", message)]
    children = [(f"{place}.{group}[{number}]", child) for number, child in enumerate(inside)]
    return [p for spot, child in children for p in _check(child, spot, in_loop, depth + 1)]


def _check_comparison(leaf: Mapping[Any, Any], place: str, in_loop: bool) -> list[Problem]:
    known = (*KEYS, *GROUPS)
    problems = [
        Problem(
            f"{place}.{key}",
            "unknown_field",
            f"A filter has {', '.join(KEYS)}, or one of {', '.join(GROUPS)}."
            + did_you_mean(key, known),
        )
        for key in islice((key for key in leaf if key not in known), MOST_NAMED)
    ]
    return problems + _check_field(leaf, place, in_loop) + _check_operator(leaf, place)


def _check_field(leaf: Mapping[Any, Any], place: str, in_loop: bool) -> list[Problem]:
    field = _spelled(leaf.get("field"))
    place = f"{place}.field"
    if not isinstance(field, str) or not field:
        message = "Write the path to compare, such as `$.transportOrder.status`."
        return [Problem(place, "required", message)]
    if field[0] == "@" and not in_loop:
        return [Problem(place, "invalid_path", "Start the path with `$`; there is no loop here.")]
    try:
        paths.compile(field)
    except paths.PathError as error:
        return [Problem(place, "invalid_path", str(error))]
    if str(leaf.get("operator")).startswith("changed") and field[0] == "@":
        text = "An item of a loop is not compared with what it was before; name it from `$`."
        return [Problem(place, "invalid_path", text)]
    if str(leaf.get("operator")).startswith("changed") and field.startswith("$.before."):
        return [
            Problem(place, "invalid_path", "Leave out `before`: the change looks there itself.")
        ]
    return []


def _check_operator(leaf: Mapping[Any, Any], place: str) -> list[Problem]:
    name, value = leaf.get("operator"), leaf.get("value")
    operator = OPERATORS.get(name) if isinstance(name, str) else None
    if operator is None:
        choose = f"Choose one of {', '.join(OPERATORS)}."
        if name is None:
            return [Problem(f"{place}.operator", "required", choose)]
        meant = CALLED_SO.get(str(name).lower()) or nearest(name, OPERATORS)
        hint = f" Did you mean `{meant}`?" if meant else ""
        unknown = f"No operator {shown(name)}. {choose}{hint}"
        return [Problem(f"{place}.operator", "unknown_operator", unknown, str(name), meant)]
    place = f"{place}.value"
    if operator.takes == "nothing":
        if value is None or value is True:
            return []
        message = f"Leave the value out; `{name}` compares with nothing."
        return [Problem(place, "invalid_value", message)]
    if "value" not in leaf:
        return [Problem(place, "required", f"Give `{name}` {VALUES[operator.takes]}.")]
    if _fits(value, operator.takes):
        return []
    message = f"Give `{name}` {VALUES[operator.takes]}, not {shown(value)}."
    return [Problem(place, "invalid_value", message)]


def _fits(value: Any, takes: str) -> bool:
    if takes == "list":
        return isinstance(value, list)
    if takes == "text":
        return isinstance(value, str) and len(value) <= paths.LONGEST
    if takes == "scalar":
        return not isinstance(value, list | dict)
    if takes == "order":
        return isinstance(value, str | int | float | Decimal) and not isinstance(value, bool)
    return True
