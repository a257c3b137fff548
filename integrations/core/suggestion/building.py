"""The mapping that is made of what was judged: as the target is, with what is likely in it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from integrations.core.suggestion import samples, words
from integrations.core.suggestion.example import Branch, Leaf, Many, Node, Roles, read
from integrations.core.suggestion.fields import Field, fields
from integrations.core.suggestion.matching import Target, judge

CONFIDENT = 0.8
_EVERY = "[*]"
OPERATOR = "What begins with $ is an operator of the mapping language, and no name of a target."
_SEVERAL = 2  # columns of a table that are about the items of one list


@dataclass(frozen=True)
class Suggestion:
    """What a target may be filled from; no path where nothing fits. Confidences are 0 to 1."""

    target: str
    path: str | None
    confidence: float
    reason: str
    alternatives: list[tuple[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Suggested:
    """A mapping of what is likely, and what was found for each target."""

    mapping: Any
    suggestions: list[Suggestion]


def suggest(example: Any, format: str | None, entity: str, shape: Any) -> Suggested:
    """Suggest a mapping from documents of a shape; ExampleError if the example can't be read."""
    tree, table = read(example, format)
    judge_ = _Judge(fields(shape, entity))
    judge_.look(tree, "", (), Many(tree))
    mapping = _row(tree) if table else _built(tree, "")
    return Suggested({} if mapping is None else mapping, judge_.told)


class _Judge:
    """Looks at every target once, and notes in the tree what it is filled from."""

    def __init__(self, known: list[Field]) -> None:
        self._known = known
        self.told: list[Suggestion] = []

    def look(self, node: Node, at: str, around: tuple[str, ...], inside: Many) -> None:
        """Judge what is in a node; `around` are the names around it, the nearest first."""
        if isinstance(node, Leaf):
            name, *rest = around or ("",)
            self._judge(node, Target(at, name, tuple(rest), node.sample), inside)
        elif isinstance(node, Branch):
            self._members(node, at, around, inside)
        elif isinstance(node, Many):
            self.look(node.item, f"{at}[]", around, node)
        else:
            for place, (said, item) in enumerate(node.items):
                whom = words.party(said) or said
                rest_ = _without(item, node.key)
                self._members(rest_, f"{at}[{place}]", (whom, *around), inside)

    def _members(self, node: Branch, at: str, around: tuple[str, ...], inside: Many) -> None:
        for key, member in node.members.items():
            below = f"{at}.{key}" if at else key
            if key.startswith("$"):
                self.told.append(Suggestion(below, None, 0.0, OPERATOR))
            else:
                self.look(member, below, (key, *around), inside)

    def _judge(self, leaf: Leaf, target: Target, inside: Many) -> None:
        judged = judge(target, self._known)
        best = judged.choices[0] if judged.choices else None
        others = [(each.field.path, each.confidence) for each in judged.choices[1:]]
        if best and best.confidence >= CONFIDENT:
            leaf.fill = best.field
            inside.fills[_list_of(best.field.path)] += 1
        path, sure = (best.field.path, best.confidence) if best else (None, 0.0)
        self.told.append(Suggestion(target.at, path, sure, judged.reason, others))


def _built(node: Node, loop: str) -> Any:
    """What a node is made of, inside a loop over these items of ours; None if nothing is likely."""
    if isinstance(node, Leaf):
        return _expression(node, loop)
    if isinstance(node, Branch):
        made = ((key, _built(each, loop)) for key, each in node.members.items())
        return {key: each for key, each in made if each is not None} or None
    if isinstance(node, Roles):
        items = [(said, _built(_without(item, node.key), loop)) for said, item in node.items]
        return [{node.key: _text(said), **made} for said, made in items if made] or None
    items_ = _items(node.fills, loop) if isinstance(node.item, Branch) else ""
    body = _built(node.item, items_ or loop)
    if body is None:
        return None
    return {"$each": _seen(items_, loop), "$do": body} if items_ else [body]


def _row(columns: Node) -> Any:
    """A row for each item of the list that several columns are about; else one row.

    Of lists within lists it is the outer: an item of the inner does not know what it is in.
    """
    fills = Counter[str]()
    if isinstance(columns, Branch):
        leaves = (each for each in columns.members.values() if isinstance(each, Leaf))
        fills.update(_list_of(each.fill.path) for each in leaves if each.fill)
    several = [each for each, times in fills.items() if each and times >= _SEVERAL]
    items = min(several, key=len, default="")
    row = _built(columns, items)
    return {"$each": items, "$do": row} if items and row is not None else row


def _items(fills: Counter[str], loop: str) -> str:
    """The list of ours that most of an item is about, if a loop inside this one may go over it."""
    within = {each: times for each, times in fills.items() if each.startswith(loop or "$")}
    within.pop(loop, None)
    return max(within, key=lambda each: (within[each], len(each)), default="")


def _expression(leaf: Leaf, loop: str) -> Any:
    """What fills a leaf; None if nothing does, or if an item of the loop does not know it."""
    if leaf.fill is None:
        return None
    path = leaf.fill.path
    if loop and _list_of(path) and not path.startswith(loop):
        return None
    seen, refined = _seen(path, loop), _refined(leaf.fill, leaf.sample)
    if leaf.fill.added and _EVERY in seen:
        return {"$sum": seen, **refined}
    one = seen.replace(_EVERY, "[0]")
    return {"$path": one, **refined} if refined else one


def _without(item: Branch, key: str) -> Branch:
    return Branch({name: each for name, each in item.members.items() if name != key})


def _list_of(path: str) -> str:
    """The innermost list that a path goes through; nothing if there is none."""
    return path[: path.rindex(_EVERY) + len(_EVERY)] if _EVERY in path else ""


def _seen(path: str, loop: str) -> str:
    """A path as it is written inside a loop."""
    return f"@{path[len(loop) :]}" if loop and path.startswith(loop) else path


def _refined(of: Field, sample: Any) -> dict[str, Any]:
    """What makes our value one like the sample."""
    kind = samples.kind(sample)
    if of.kind in ("date", "moment"):
        read = samples.date_format(sample)
        ours = samples.ISO_DAY if of.kind == "date" else samples.ISO_MOMENT
        return {"$date": read[0]} if read and read[0] != ours else {}
    if of.kind == "number" and kind == "number" and not isinstance(sample, str):
        return {"$type": "decimal"}
    if of.kind == "boolean" and isinstance(sample, bool):
        return {"$type": "boolean"}
    return {}


def _text(said: str) -> str:
    """A constant, as the mapping language writes it."""
    return f"{said[0]}{said}" if said[:1] in ("$", "@") or said == "#" else said
