"""What is carried: pieces and packaging, weights and measures, dangerous goods, references."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any

from integrations.core.letter.sheet import BEGIN, END, GAP, MOST, Found, Sheet, Span, rule

N = (
    r"(?:[0-9]{1,3}(?:[.,'’ \xa0][0-9]{3}){1,3}(?:[.,][0-9]{1,3})?"
    r"|[0-9]{1,7}(?:[.,][0-9]{1,3})?)(?![0-9])"
)
PIECES = r"(?:[0-9]{1,3}[.,][0-9]{3}|[0-9]{1,5})(?![0-9])"
WORDS = {
    word: number
    for number, words in enumerate(
        (
            "one een één eine ein einen", "two twee zwei", "three drie drei", "four vier",
            "five vijf fünf", "six zes sechs", "seven zeven sieben", "eight acht",
            "nine negen neun", "ten tien zehn", "eleven elf", "twelve twaalf zwölf",
        ),
        start=1,
    )
    for word in words.split()
}  # fmt: skip
ARTICLES = {"one", "een", "eine", "ein", "einen"}
PACKAGING = {
    "EUR pallet": r"(?:eur|euro|epal)[ -]{0,2}pal(?:let(?:s|ten|te)?|ette|etten|s)|epals?",
    "block pallet": r"(?:blok|block|industrie|industrial)[ -]?pal(?:let(?:s|ten|te)?|ette|etten)",
    "pallet": r"pal(?:let(?:s|ten|te)?|lette|ette|etten)|(?:plts?|plls?)\.?"
    r"|pallet[ -]?plaats(?:en)?|pallet (?:place|space|spot)s?|paletten(?:stell)?pl(?:atz|ätze)",
    "colli": r"coll[io]|koll[io]|packages?|parcels?|pakket(?:ten)?|packst(?:ück|ücke)|pakete?",
    "IBC": r"ibc'?s?(?:[ -]?(?:tanks?|containers?))?",
    "box": r"box(?:es)?|cartons?|dozen|doos|dozen|kartons?|cases",
    "crate": r"crates?|krat(?:ten)?|kist(?:en)?|kiste",
    "drum": r"drums?|barrels?|vat(?:en)?|fass|fässer",
    "big bag": r"big[ -]?bags?",
    "bag": r"bags?|sacks?|zak(?:ken)?|sack|säcke",
    "roll container": r"(?:rol|roll|rolling)[ -]?(?:containers?|cages?)|rolli(?:s|wagen)?",
    "container": r"containers?",
    "roll": r"rolls?|rol(?:len)?|rolle(?:n)?",
    "coil": r"coils?",
    "bundle": r"bundles?|bundels?|bündel",
    "trolley": r"trolleys?|karren?|cc[ -]?(?:trolleys?|karren)",
    "piece": r"pieces?|pcs|stuks?|st(?:ü|ue)ck",
}
_PACKAGING = {name: rule(each) for name, each in PACKAGING.items()}
PACKED = "(?:" + "|".join(PACKAGING.values()) + ")"
_SORT = (
    r"(?:(?:full|volle|half|halve|stackable|stapelbare|non-stackable|lege|empty|leere|wooden"
    r"|houten|plastic|mixed|gemengde|beladene|geladen|loaded|one[ -]way|wegwerp|einweg|standard"
    r"|standaard|large|small|grote|kleine|große|x|×|pcs|pieces|stuks|st\.|stück|stk\.?"
    r"|\([a-zé]{2,12}\))[ \xa0]{1,2}){0,2}"
)
_CONTENT_STOP = (
    r"(?:from|to|van|naar|von|nach|in|at|op|on|am|for|für|voor|weighing|each|elk|per|is|are|we"
    r"|and|en|und|ready|klaar|loading|load|laden|lossen|pick|pickup|deliver|delivery|collect"
    r"|unload|abholung)"
)
_CONTENT = (
    r"(?:[ ]{1,2}(?:of|with|met|mit|containing)[ ]{1,2}"
    rf"(?P<what>(?!{_CONTENT_STOP}\b)[^\W\d_][\w'-]{{1,20}}"
    rf"(?:[ ](?!{_CONTENT_STOP}\b)[^\W\d_][\w'-]{{1,20}}){{0,2}}))?"
)
_ABOUT = r"(?:ca\.?|circa|about|approx\.?|ongeveer|etwa|±|~|max\.?|up to)"
_GOODS = rule(
    rf"{BEGIN}(?P<about>{_ABOUT}[ ]{{0,2}})?"
    rf"(?:(?P<low>{PIECES}){GAP}(?:-|–|/|to|tot|bis|à|or|of|oder){GAP})?"
    rf"(?P<count>{PIECES}|(?:{'|'.join(WORDS)})(?=[ ]))[ \t\xa0-]{{0,2}}[x×]?[ \t\xa0]{{0,2}}"
    rf"{_SORT}(?P<packed>{PACKED}){END}{_CONTENT}"
)
_COUNTED = rule(  # "Pallets: 20"
    rf"{BEGIN}(?P<packed>{PACKED})(?:{GAP}\((?:total|totaal|gesamt)\))?"
    rf"{GAP}[:=]{GAP}(?P<count>{PIECES})(?![.,:/-]?[0-9]){GAP}(?!{PACKED}{END}|[x×%])"
)
_EACH = (
    rf"(?P<each>{GAP}(?:(?:per|pro|je|p\.|/){GAP}(?:{PACKED}|unit|einheid|einheit)"
    rf"|each|elk|pp){END})?"
)
_GROSS = r"(?P<gross>gross|bruto|brutto)"
_WEIGHT = rule(
    rf"{BEGIN}(?:{_GROSS}(?:[ -]?(?:weight|gewicht))?[ :]{{1,3}})?"
    rf"(?P<at>(?:à|@){GAP})?(?P<number>{N}){GAP}"
    r"(?P<unit>kgs?|kilo(?:gram(?:s|men|m)?|s)?|lbs?|pounds?"
    r"|t(?:o(?![ \xa0]{1,3}[\w\0])|on(?:s|ne|nes|nen)?)?)"  # no "20 to 22"
    rf"{END}{_EACH}"
)
_WEIGHED = rule(  # "Gewicht (kg): 12400"
    rf"{BEGIN}(?:{_GROSS}[ -]?)?(?:total |totaal|gesamt)?(?:weight|gewicht){GAP}(?:\(|in )"
    rf"(?P<unit>kgs?|t|ton|lbs?)\)?{GAP}:?{GAP}(?P<number>{N})"
)
_METRE = r"(?:ldm|lm|lade ?meter|laad ?meters?|load(?:ing)?[ -]?met(?:er|re)s?)"
_METRES = rule(
    rf"{BEGIN}(?P<number>{N}){GAP}{_METRE}{END}|{BEGIN}{_METRE}{GAP}:{GAP}(?P<after>{N})"
)
_VOLUME = rule(
    rf"{BEGIN}(?P<number>{N}){GAP}"
    rf"(?:m3|m³|cbm|kuub|cubic met(?:er|re)s?|kubieke meters?|kubikmeter){END}"
)
_CENTIMETRES = rf"[0-9]{{1,4}}(?:[.,][0-9]{{1,2}})?(?:{GAP}(?:cm|mm|m))?"
_SIZE = rule(
    rf"{BEGIN}{_CENTIMETRES}{GAP}[x×*]{GAP}{_CENTIMETRES}(?:{GAP}[x×*]{GAP}{_CENTIMETRES})?{END}"
)
# A row of a table that no other rule reads: "10 | IBC", "IBC | 10".
_BAR = r"[ \t\xa0]{0,3}[|\t][ \t\xa0|]{0,5}"
_ROW = rule(
    rf"{BEGIN}{N}{_BAR}(?:{PACKED}|kgs?|t|ton|lbs?|m3|m³|cbm|{_METRE}){END}"
    rf"|{BEGIN}(?:{PACKED}){_BAR}{N}{END}"
)
_SIGNED = r"(?:(?:[+-]|−|minus )[ ]?)?[0-9]{1,2}(?:[.,][0-9])?"
_DEGREES = rf"(?:°|℃|graden|grad|degrees)(?:{GAP}c(?:elsius)?)?"
_TEMPERATURE = rule(
    rf"(?<![\w.,])(?P<low>{_SIGNED}){GAP}"
    rf"(?:(?:{_DEGREES}{GAP})?(?:-|–|/|to|tot|bis|en|and|und|\.\.){GAP}(?P<high>{_SIGNED}){GAP})?"
    rf"(?:{_DEGREES}|(?<=[0-9])[ ]?C){END}"
)
_NO_ADR = rule(
    rf"{BEGIN}(?:no|non|not|geen|niet|kein|keine|nicht|without|zonder|ohne)[ -]{{0,2}}"
    r"(?:an? )?(?:adr|dangerous goods|hazardous|gevaarlijke stoffen|gefahrgut)[\w-]{0,10}"
    rf"|{BEGIN}(?:adr|gefahrgut){GAP}[:=?]{GAP}(?:no|nee|nein|none|geen|kein|n/a|n\.v\.t\.){END}"
)
_ADR = rule(
    rf"{BEGIN}(?P<word>adr|gevaarlijke stoffen|gevaarlijke goederen|gefahrgut|dangerous goods"
    rf"|hazardous goods|imdg)"
    rf"(?:[ ,:-]{{0,3}}(?:class|klasse|kl\.?){GAP}(?P<class>[1-9](?:\.[1-9])?))?{END}"
)
_CLASS = rule(rf"{BEGIN}(?:class|klasse|kl\.){GAP}(?P<class>[1-9](?:\.[1-9])?){END}(?!\.[0-9])")
_UN = rule(rf"{BEGIN}un(?:[ -]?(?:no|nr|nummer|number))?[ .:-]{{0,3}}(?P<number>[0-9]{{4}}){END}")
_REFERENCE = rule(
    rf"{BEGIN}(?:(?:your|our|customer|uw|onze|ihre?|unsere?|load(?:ing)?|unloading|delivery|laad"
    rf"|los|lade|entlade|transport)[ -]?)?"
    r"(?:ref(?:erence|erentie|erenz)?|order|p\.?o\.?|bestelling|bestel|bestell|bestellung"
    r"|opdracht|auftrags?|booking|boeking|buchungs?|shipment|zending|sendungs?)"
    rf"(?:[ -]?(?:no|nr|number|nummer|id))?(?:{GAP}[.:#=]{{1,2}})?{GAP}"
    rf"(?P<value>(?=[a-z/_.-]{{0,20}}[0-9])[a-z0-9][a-z0-9/_.-]{{2,38}}[a-z0-9]){END}"
)
_NO_REFERENCE = re.compile(
    r"[0-9]{1,2}[-./][0-9]{1,2}(?:[-./][0-9]{2,4})?|[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"|[0-9]{1,2}[.:][0-9]{2}"
)
_KILOGRAMS = {"kg": Decimal(1), "t": Decimal(1000), "lb": Decimal("0.4536")}
_MOST_OF_A_TRUCK = {"kg": 30_000, "t": 30, "lb": 66_000, "loadMeters": 30, "volume": 130}


@dataclass
class Line:
    """One kind of goods; the keys are fields of goods in an order."""

    at: int
    fields: dict[str, Found] = field(default_factory=dict)


@dataclass
class Cargo:
    lines: list[Line] = field(default_factory=list)
    # What is said of all goods together, where there are several.
    together: dict[str, Found] = field(default_factory=dict)
    references: list[Found] = field(default_factory=list)


def read(sheet: Sheet) -> Cargo:
    """Take goods, measures and references out of a sheet."""
    cargo = Cargo()
    temperatures = sheet.take(_TEMPERATURE, _temperature)
    # Before the pieces: an "x" between two numbers is no count of what follows.
    sizes = _sizes(sheet)
    metres = sheet.take(_METRES, lambda m: _measure(m, "loadMeters", m["number"] or m["after"]))
    volumes = sheet.take(_VOLUME, lambda m: _measure(m, "volume", m["number"]))
    weights = sheet.take(_WEIGHT, _Weight.of) + sheet.take(_WEIGHED, _Weight.of)
    cargo.lines += sheet.take(_GOODS, _goods)
    cargo.lines += sheet.take(_COUNTED, _goods)
    cargo.lines.sort(key=lambda line: line.at)
    sheet.hide(span for span in sizes if "\0" not in sheet.left[slice(*span)])
    for place in volumes:
        measured = {"value": place.value, "unit": "m3"}
        others = tuple(({"value": v, "unit": "m3"}, c) for v, c in place.alternatives)
        _put(
            cargo,
            sheet,
            "externalAttributes.volume",
            place.but(value=measured, alternatives=others),
        )
    for place in metres:
        _put(cargo, sheet, "loadMeters", place)
    for weight in sorted(weights, key=lambda weight: weight.span):
        name = "grossWeight" if weight.gross else "weight"
        count = _count(_line(cargo, sheet, weight.span[0]))
        _put(cargo, sheet, name, weight.found(count))
    for place in temperatures:
        _put(cargo, sheet, "externalAttributes.temperature", place)
    _dangerous(cargo, sheet)
    cargo.references = sheet.take(_REFERENCE, _reference)
    return cargo


def left_over(sheet: Sheet) -> list[tuple[Span, int | None]]:
    """Numbers with a unit or a packaging that nothing used; of a packaging, with the number."""
    sheet.hide(_sizes(sheet))
    found: list[tuple[Span, int | None]] = []
    for pattern in (_WEIGHT, _WEIGHED, _METRES, _VOLUME):
        found += sheet.take(pattern, lambda match: (match.span(), None))
    for pattern in (_GOODS, _COUNTED):
        for line, span in sheet.take(pattern, lambda m: (_goods(m), m.span())):
            found += [(span, line.fields["quantity"].value)] if line else []
    return found + sheet.take(_ROW, lambda match: (match.span(), None))


def _sizes(sheet: Sheet) -> list[Span]:
    return [match.span() for match in islice(_SIZE.finditer(sheet.left), MOST)]


# Numbers.


def readings(written: str) -> list[Decimal]:
    """What a written number may mean: 12.400 is twelve thousand and four hundred, or 12.4."""
    compact = re.sub("[ '’\xa0]", "", written)
    marks = [mark for mark in compact if mark in ".,"]
    head, mark, tail = compact.rpartition(marks[-1]) if marks else (compact, "", "")
    if not mark:
        return [Decimal(compact)]
    whole = head.replace(".", "").replace(",", "")
    if len(marks) > 1 and marks[-1] in head:  # 1.250.000
        return [Decimal(whole + tail)]
    fraction = Decimal(f"{whole}.{tail}")
    if len(tail) == 3 and len(marks) == 1 and len(compact) == len(written) and whole[0] != "0":
        return [Decimal(whole + tail), fraction]
    return [fraction]


def _plain(number: Decimal) -> int | Decimal:
    return int(number) if number == number.to_integral_value() else number


def chosen(
    meanings: list[Any], fits: Callable[[Any], bool]
) -> tuple[Any, float, tuple[tuple[Any, float], ...]]:
    """The likelier meaning, how sure that is, and the others."""
    if len(meanings) == 1:
        return meanings[0], 0.95 if fits(meanings[0]) else 0.6, ()
    fitting = [each for each in meanings if fits(each)]
    best = (fitting or meanings)[0]
    sure, other = (0.8, 0.15) if len(fitting) == 1 else (0.5, 0.4)
    return best, sure, tuple((each, other) for each in meanings if each != best)


def _measure(match: re.Match[str], kind: str, written: str) -> Found:
    most = _MOST_OF_A_TRUCK[kind]
    value, sure, others = chosen(readings(written), lambda number: number <= most)
    alternatives = tuple((_plain(each), confidence) for each, confidence in others)
    return Found(_plain(value), sure, match.span(), alternatives)


@dataclass(frozen=True)
class _Weight:
    """A weight as it is written; what it means depends on the pieces that have it."""

    meanings: list[Decimal]
    unit: str
    each: bool
    gross: bool
    span: tuple[int, int]

    @classmethod
    def of(cls, match: re.Match[str]) -> "_Weight":
        unit = {"k": "kg", "t": "t"}.get(match["unit"][0].lower(), "lb")
        said = match.groupdict()
        each = bool(said.get("each") or said.get("at"))
        return cls(readings(said["number"]), unit, each, bool(said["gross"]), match.span())

    def found(self, count: Decimal | None) -> Found:
        """The weight of all pieces."""
        times = count if self.each and count else Decimal(1)

        def fits(weight: Decimal) -> bool:
            if weight * times > _MOST_OF_A_TRUCK[self.unit]:
                return False
            a_piece = weight * times * _KILOGRAMS[self.unit] / (count or 1)
            return count is None or 1 <= a_piece <= 3000

        best, sure, others = chosen(self.meanings, fits)
        if self.each:
            sure = min(sure, 0.85 if count else 0.4)
        return Found(
            self._measure(best * times),
            sure,
            self.span,
            tuple((self._measure(each * times), confidence) for each, confidence in others),
        )

    def _measure(self, number: Decimal) -> dict[str, Any]:
        return {"value": _plain(number), "unit": self.unit}


# Goods.


def _goods(match: re.Match[str]) -> Line | None:
    groups = match.groupdict()
    count, sure, others = _counted(groups["count"], groups.get("about"))
    if low := groups.get("low"):
        others, sure = ((_counted(low, None)[0], 0.4),), 0.5
    if not count:
        return None
    packed = match["packed"]
    kind = next(name for name, each in _PACKAGING.items() if each.fullmatch(packed))
    line = Line(match.start())
    line.fields["quantity"] = Found(count, sure, match.span("count"), others)
    line.fields["packagingMaterial"] = Found(kind, 0.95, match.span("packed"))
    if groups.get("what"):
        line.fields["description"] = Found(groups["what"], 0.7, match.span("what"))
    return line


def _counted(written: str, about: str | None) -> tuple[int, float, tuple[tuple[Any, float], ...]]:
    if (number := WORDS.get(written.lower())) is not None:
        return number, 0.6 if written.lower() in ARTICLES else 0.9, ()
    count = int(written.replace(".", "").replace(",", ""))
    return count, 0.8 if about or not written.isdigit() else 0.95, ()


def _line(cargo: Cargo, sheet: Sheet, place: int) -> Line | None:
    """The goods that a measure at this place is about: on its line, or the only ones there are."""
    begin = sheet.line_begin(place)
    end = sheet.text.find("\n", place)
    here = [each for each in cargo.lines if begin <= each.at and (end < 0 or each.at < end)]
    before = [each for each in here if each.at < place]
    if before or here:
        return before[-1] if before else here[0]
    return cargo.lines[0] if len(cargo.lines) == 1 else None


def _put(cargo: Cargo, sheet: Sheet, name: str, found: Found) -> None:
    """Give a measure to its goods, or to all of them together; the first that is said counts."""
    line = _line(cargo, sheet, found.span[0])
    if line is None and not cargo.lines:
        line = Line(found.span[0])
        cargo.lines.append(line)
    if line is not None:
        line.fields.setdefault(name, found)
    else:
        cargo.together.setdefault(name.removeprefix("externalAttributes."), found)


def _count(line: Line | None) -> Decimal | None:
    quantity = line.fields.get("quantity") if line else None
    return Decimal(quantity.value) if quantity else None


def _temperature(match: re.Match[str]) -> Found | None:
    degrees = sorted(_degrees(each) for each in (match["low"], match["high"]) if each)
    if not all(-40 <= each <= 60 for each in degrees):
        return None
    value = {"min": _plain(degrees[0]), "max": _plain(degrees[-1]), "unit": "C"}
    return Found(value, 0.9, match.span())


def _degrees(written: str) -> Decimal:
    number = re.sub("[^0-9.]", "", written.replace(",", "."))
    return Decimal(number) * (-1 if re.match("-|−|minus", written, re.IGNORECASE) else 1)


def _dangerous(cargo: Cargo, sheet: Sheet) -> None:
    none = sheet.take(_NO_ADR, lambda match: match.span())
    numbers = sheet.take(_UN, lambda m: Found(m["number"], 0.95, m.span()))
    words = sheet.take(_ADR, lambda m: Found(m["class"], 0.9, m.span()))
    if not numbers and (not words or none):
        return
    if not any(word.value for word in words):
        words += sheet.take(_CLASS, lambda m: Found(m["class"], 0.8, m.span()))
    said = (numbers + words)[0]
    for number in numbers:
        line = _line(cargo, sheet, number.span[0])
        known = line.fields if line else cargo.together
        place = sum(name.startswith("adr.unNumbers") for name in known)
        _put(cargo, sheet, f"adr.unNumbers[{place}]", number)
    for word in [each for each in words if each.value][:1]:
        _put(cargo, sheet, "adr.class", word)
    _put(cargo, sheet, "adr.dangerous", said.but(value=True, confidence=0.5 if none else 0.9))


def _reference(match: re.Match[str]) -> Found | None:
    value = match["value"]
    if _NO_REFERENCE.fullmatch(value) or not any(each.isdigit() for each in value):
        return None
    return Found(value, 0.9, match.span("value"))
