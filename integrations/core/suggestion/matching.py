"""How well a target and a field of ours agree: the words of a name, whom it is about, the value.

A confidence is a product: how sure the reading is, times what speaks against it. Each word that the
reading does not explain, another scope, another kind of value take their share.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from integrations.core.suggestion import samples, words
from integrations.core.suggestion.fields import Field, Reading
from otms.documents import shorten

_LOOKED_AT = 100  # characters of a sample
_NO_SAMPLE = 0.97
LEAST = 0.3  # nobody is helped by less
MOST_ALTERNATIVES = 3

Said = tuple[tuple[str, str], ...]  # words with what they mean

# What speaks against a reading.
_STRANGE = 0.6  # a word that it does not explain
_NUMBERED = 0.8  # address2 is something else than address1
_FROM_PARENT = 0.97  # part of it stands in the name around the target
_UNEXPLAINED_PARENT = 0.8
_STRANGE_AROUND = 0.8  # a name around it that we don't know: it may be about anything
_STRANGE_BESIDE_WHOM = 0.92
_OTHER_OUTSIDE = 0.88  # the leaf says whom it is about, and what is around it says another
_CLOSE = 0.05

_STRUCTURE = frozenset({"order", "consignment", "goods", "event", "business"})
_WHOM = frozenset(words.SCOPES)
_FOREIGN = frozenset(words.FOREIGN)
_ABOUT = _WHOM | _FOREIGN
# How near one scope is to another; what is not here is far.
_NEAR = {
    ("order", "consignment"): 0.85,
    ("consignment", "order"): 0.8,
    ("business", "customer"): 1.0,
    ("event", "addressee"): 0.6,
    ("event", "sender"): 0.6,
}
_FAR = 0.4
# What may stand around the fields of a scope without changing what they mean.
_AROUND = {
    "order": frozenset({"purchase"}),
    "goods": frozenset({"package", "size", "total", "quantity"}),
    "sender": frozenset({"address", "company", "location"}),
    "addressee": frozenset({"address", "company", "location"}),
    "event": frozenset({"address", "location"}),
}
_SILENT = frozenset({words.FILLER, words.UNKNOWN, words.DIGIT})
# A value that says nothing of its own: the name around it is the name.
_PLAIN = frozenset({"value", words.FILLER})

_AGREES: dict[str, dict[str, float]] = {
    "number": {"number": 1, "text": 0.3, "boolean": 0.3, "date": 0.2, "moment": 0.2},
    "date": {"date": 1, "moment": 1, "time": 0.5, "number": 0.4},
    "moment": {"date": 1, "moment": 1, "time": 0.4, "number": 0.4},
    "time": {"time": 1, "moment": 0.5, "date": 0.3, "number": 0.4},
    "boolean": {"boolean": 1, "number": 0.8, "code": 0.6, "text": 0.6},
    "id": {"uuid": 1, "number": 0.8, "code": 0.8, "text": 0.7},
    "code": {"code": 1, "number": 1, "text": 0.95, "uuid": 0.9, "date": 0.5},
    "name": {"text": 1, "code": 0.97, "number": 0.5},
    "text": {"text": 1, "code": 0.97, "number": 0.6},
    "postcode": {"code": 1, "number": 1, "text": 0.95},
    "country": {"text": 1, "code": 0.7},
    "status": {"text": 1, "code": 1, "number": 0.95, "boolean": 0.4},
    "unit": {"text": 1, "code": 1},
    "url": {"url": 1, "text": 0.8, "code": 0.9},
    "contact": {"mail": 1, "number": 1, "text": 0.9, "code": 0.9},
}
_DISAGREES = 0.3

MEANINGS = {
    "ldm": "load metres",
    "purchase": "purchase order",
    "housenumber": "house number",
    "barcode": "bar code",
    "un": "UN number",
    "vat": "VAT number",
    "coc": "chamber of commerce number",
    "plate": "licence plate",
    "remark": "a remark",
    "lowest": "least",
    "highest": "most",
    "sku": "the number of an article",
    "engine": "what a vehicle measures",
    "estimate": "an estimate",
    "create": "made",
    "update": "changed",
    "piece": "pieces",
    "person": "somebody's name",
}


@dataclass(frozen=True)
class Target:
    """A field that a target wants: its name, the names around it, the nearest first, a sample."""

    at: str
    name: str
    around: tuple[str, ...] = ()
    sample: Any = None

    @cached_property
    def said(self) -> tuple[Said, list[Said]]:
        """The words of the name and of the names around it."""
        leaf, outside = words.meanings(self.name), [words.meanings(each) for each in self.around]
        heard = {meaning for _, meaning in leaf}
        if outside and (heard <= _PLAIN or heard == {"unit"}):
            leaf = outside.pop(0) + tuple(each for each in leaf if each[1] == "unit")
        return leaf, outside

    @cached_property
    def about(self) -> set[str]:
        """Whom the nearest of the names around it is about."""
        return next(filter(None, map(_about, self.said[1])), set())

    @cached_property
    def doubt(self) -> float:
        """What words that nobody knows, around the target, leave of a confidence."""
        for said in self.said[1]:
            strange = any(meaning == words.UNKNOWN for _, meaning in said)
            if _about(said):
                return _STRANGE_BESIDE_WHOM if strange else 1.0
            if strange:
                return _STRANGE_AROUND
        return 1.0

    @cached_property
    def kind(self) -> str:
        return samples.kind(self.sample)

    @cached_property
    def digits(self) -> float:
        """The share of digits in the sample."""
        text = str(self.sample)[:_LOOKED_AT].strip()
        return sum(map(str.isdigit, text)) / (len(text) or 1)

    @cached_property
    def two_ways(self) -> bool:
        """Is the sample a date that may have the month first?"""
        read = samples.date_format(self.sample)
        return read is not None and not read[1]


@dataclass(frozen=True)
class Choice:
    """A field of ours that a target may be filled from."""

    field: Field
    confidence: float


@dataclass(frozen=True)
class Judgement:
    """The fields that a target may be filled from, the best first, and why."""

    target: Target
    choices: list[Choice] = field(default_factory=list)
    reason: str = ""


def _about(said: Said) -> set[str]:
    return {meaning for _, meaning in said} & _ABOUT


def judge(target: Target, known: Iterable[Field]) -> Judgement:
    """Compare a target with every field of ours."""
    scored = [Choice(each, _confidence(target, each)) for each in known]
    found = sorted(
        (each for each in scored if each.confidence >= LEAST), key=lambda each: -each.confidence
    )[: MOST_ALTERNATIVES + 1]
    close = len(found) > 1 and found[0].confidence - found[1].confidence < _CLOSE
    if close:
        best = found[0]
        found[0] = Choice(best.field, round(best.confidence * 0.9, 2))
        found.sort(key=lambda each: -each.confidence)
    return Judgement(target, found, _reason(target, found, close))


def _confidence(target: Target, field: Field) -> float:
    agreed = _agreement(target, field)
    best = max((_sure(target, field, each) for each in field.readings), default=0.0)
    return round(min(best * agreed, 0.99), 2)


def _agreement(target: Target, field: Field) -> float:
    """How well the sample agrees with what the field holds."""
    if target.kind == samples.NOTHING:
        return _NO_SAMPLE
    agreed = _AGREES.get(field.kind, {}).get(target.kind, _DISAGREES)
    if field.kind == "postcode" and not target.digits:
        agreed *= 0.5
    if field.name in ("city", "name") and target.digits > 0.5:
        agreed *= 0.6
    if field.kind in ("date", "moment") and target.two_ways:
        agreed *= 0.8
    return agreed


def _sure(target: Target, field: Field, reading: Reading) -> float:
    """How sure it is that the name means the field as this reading has it."""
    leaf, outside = target.said
    heard = {meaning for _, meaning in leaf}
    parent = {meaning for _, meaning in outside[0]} if outside else set()
    around = target.about
    missing = reading.must - heard
    from_parent = missing & (parent | around)
    if missing - from_parent:
        return 0.0
    if not reading.must:
        if not _is_whom(target, field, heard):
            return 0.0
    elif from_parent == reading.must and field.scope not in heard:
        return 0.0
    made = reading.sure * (1 if from_parent <= _WHOM else _FROM_PARENT)
    said = heard & _WHOM - reading.must
    about = said or around
    if field.scope in heard or field.scope in reading.must or field.scope in about:
        # Whom it is about stands in an order, as all does.
        if said and around - _STRUCTURE and not _fits(field, reading, around):
            made *= _OTHER_OUTSIDE
    elif about - reading.may:
        made *= max(_nearness(field, reading, each) for each in about - reading.may)
    elif not about:
        made = min(made, reading.alone)
    if not said and around & _FOREIGN - reading.may:
        made *= _FAR
    for _, meaning in leaf:
        if not _explained(meaning, field, reading):
            made *= _STRANGE
    if any(meaning == words.DIGIT and word not in ("0", "1") for word, meaning in leaf):
        made *= _NUMBERED
    helpful = _ABOUT | reading.must | reading.may | _AROUND.get(field.scope, frozenset())
    if parent - helpful - _SILENT:
        made *= _UNEXPLAINED_PARENT
    if not reading.own:
        made *= target.doubt
    return made


def _explained(meaning: str, field: Field, reading: Reading) -> bool:
    if meaning in _STRUCTURE and reading.own:
        return True
    known = reading.must | reading.may
    return meaning in known or meaning in (field.scope, words.FILLER, words.DIGIT)


def _is_whom(target: Target, field: Field, heard: set[str]) -> bool:
    """Does the name say whom it is about and nothing else, as `consignee` does for a name?"""
    if heard - {words.FILLER} != {field.scope}:
        return False
    if field.kind == "date":
        return target.kind in ("date", "moment")
    said = {word for word, meaning in target.said[0] if meaning == field.scope}
    return field.scope == "customer" or said <= words.somebody()


def _fits(field: Field, reading: Reading, scopes: set[str]) -> bool:
    return any(_nearness(field, reading, each) >= 0.8 for each in scopes)


def _nearness(field: Field, reading: Reading, scope: str) -> float:
    if scope == field.scope or scope in reading.may:
        return 1.0
    if reading.own and scope in _STRUCTURE:
        return 1.0
    return _NEAR.get((field.scope, scope), _FAR)


def _reason(target: Target, found: list[Choice], close: bool) -> str:
    leaf, outside = target.said
    told = [_told(word, meaning) for word, meaning in leaf if _tells(meaning)]
    strange = [word for word, meaning in leaf if meaning == words.UNKNOWN]
    about = next(
        ((name, m) for name, each in zip(target.around, outside, strict=False) for _, m in each
         if m in _ABOUT), None,
    )  # fmt: skip
    if about and not any(meaning in _ABOUT for _, meaning in leaf):
        told.append(f"it stands in `{about[0][:80]}`, {_in_words(about[1])}")
    if strange:
        told.append(f"we don't know `{'`, `'.join(strange[:3])}`")
    if target.kind != samples.NOTHING:
        agrees = found and _agreement(target, found[0].field) >= 0.8
        kind = "text" if target.kind == "code" else target.kind
        but = "" if not found or agrees else ", which does not go with the field"
        told.append(f"{shorten(target.sample, 30)} is a {kind}{but}")
    if close:
        told.append("another field is as likely")
    said = "; ".join(told)
    if not found:
        said = f"no field of ours: {said}" if said else "no field of ours"
    return f"{said[:1].upper()}{said[1:]}."


def _tells(meaning: str) -> bool:
    return meaning not in (words.UNKNOWN, words.FILLER, words.DIGIT)


def _told(word: str, meaning: str) -> str:
    said = _in_words(meaning)
    return f"`{word}`" if word == said else f"`{word}` is {said}"


def _in_words(meaning: str) -> str:
    return MEANINGS.get(meaning, meaning)
