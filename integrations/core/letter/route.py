"""Where from and where to: labels divide the text into parts, and each part has a place."""

import re
from bisect import bisect
from dataclasses import dataclass, field

from integrations.core.letter.cargo import PACKED
from integrations.core.letter.moments import MONTHS, WEEKDAYS, Moments
from integrations.core.letter.page import WROTE, heads, quotes
from integrations.core.letter.sheet import GAP, Found, Sheet, Span, rule

PICKUP, DELIVERY = "pickup", "delivery"
LONGEST_PART = 600
MOST_PARTS = 20
_NEAR = 60  # characters in front of a label that may hold its place

_WORDS = {
    PICKUP: r"pick[ -]?up|pickup|collect(?:ion)?|loading(?![ -]?met)|load(?= ?:| at | in "
    r"| from | on )|laad(?:adres|plaats|locatie|datum|tijd|moment)|laden|ophalen|ophaal(?:adres"
    r"|datum|locatie)|afhalen|afhaal(?:adres|datum|locatie)|afzender|(?:be)?lade(?:stelle|ort"
    r"|datum|adresse|termin)|beladen|beladung|abhol(?:en|ung|adresse|ort|datum|termin|stelle)"
    r"|absender|shipper|ship from|versandort|vertrekpunt",
    DELIVERY: r"deliver(?:y|ed|ies)?(?! note| terms)|unload(?:ing)?|drop[ -]?off|lossen"
    r"|los(?:adres|plaats|locatie|datum|tijd|moment)|(?:af)?lever(?:en|ing|adres|datum)"
    r"|bezorg(?:en|ing|adres|datum)|entlade(?:stelle|ort|datum|adresse|termin)|entlad(?:en|ung)"
    r"|(?:an)?liefer(?:n|ung|adresse|ort|datum|termin)|ablad(?:en|estelle)|zustell(?:en|ung"
    r"|adresse)|empfänger|consignee|ontvanger|geadresseerde|ship to|destination|bestemming"
    r"|zielort",
}
_LABEL = rule(
    rf"(?<![\w-])(?:(?P<{PICKUP}>{_WORDS[PICKUP]})|(?P<{DELIVERY}>{_WORDS[DELIVERY]}))(?![\w])"
    rf"(?:{GAP}(?:address|adres|adresse|location|place|point|date|datum|time))?"
    rf"|^[> \t]{{0,6}}(?:(?P<{PICKUP}_>from|van|von|ab)|(?P<{DELIVERY}_>to|naar|nach)){GAP}(?=:)",
    re.IGNORECASE | re.MULTILINE,
)
_GOODBYE = rule(
    r"(?:^|\n)[> \t]{0,6}(?:(?:kind |best |warm )?regards|sincerely|yours|cheers|thanks|thank you"
    r"|(?:met )?(?:vriendelijke |hartelijke )?groet|m\.?v\.?g\b|alvast (?:bedankt|dank)|bedankt"
    r"|dank|(?:mit )?(?:freundlichen|besten|vielen|herzlichen) (?:grü|grue|dank)|mfg\b|vg\b|lg\b"
    r"|--)"
)
_CONTACT = rule(
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w.-]{1,190}|https?://[^\s<>]{1,300}"
    r"|(?<![\w.])www\.[^\s<>]{1,300}|(?<![\w+])(?:tel(?:efoon|efon|ephone)?|phone|mob(?:ile|iel"
    r"|il)?|gsm|fax)\.?[ :]{1,3}[+(]?[0-9][0-9 ()/.-]{5,20}|(?<![\w+])(?:\+"
    r"|00)[1-9][0-9 ()/.-]{6,20}[0-9]"
    r"|(?<!\w)[A-Z]{2}[0-9]{2}(?:[ ]?[A-Z0-9]{4}){3,7}(?:[ ]?[A-Z0-9]{1,3})?(?!\w)"
)

# Taken whole or not at all: names with many hyphens could be divided in too many ways.
_WORD = r"(?:'s-|’s-|'t |’t )?[A-ZÀ-ÖØ-Þ](?:[^\W\d_]|['’.-]){1,30}+(?!\w)"
_JOIN = r"(?:aan|am|an|de|den|der|het|bij|sur|la|le|les|upon|op|in|ob|im)"
_CITY = rf"(?>{_WORD}(?:[ -](?:{_JOIN}[ -]){{0,2}}{_WORD}){{0,3}})"
_PREFIX = r"(?:(?P<prefix>NL|DE|D|BE|B|FR|F|LU|L|AT|A|CH|IT|I|ES|E|PL|CZ|DK|SE|S)[- ]{1,2})?"
# Postcodes before the city, those that tell their country first.
_BEFORE_CITY = rf"[ ,]{{1,3}}(?P<city>{_CITY})"
_POSTAL = [
    (
        rf"(?<![\w-])(?:NL[- ]{{1,2}})?(?P<code>[1-9][0-9]{{3}}[ ]?[A-Z]{{2}}){_BEFORE_CITY}",
        "NL",
        0.95,
    ),
    (rf"(?<![\w-])(?:PL[- ]{{1,2}})?(?P<code>[0-9]{{2}}-[0-9]{{3}}){_BEFORE_CITY}", "PL", 0.9),
    (rf"(?<![\w-])(?:PT[- ]{{1,2}})?(?P<code>[0-9]{{4}}-[0-9]{{3}}){_BEFORE_CITY}", "PT", 0.9),
    (
        rf"(?P<city>{_CITY})[ ,\r\n]{{1,4}}"
        r"(?P<code>[A-Z]{1,2}[0-9][A-Z0-9]?[ ][0-9][A-Z]{2})(?!\w)",
        "GB",
        0.9,
    ),
    (rf"(?<![\w.,-]){_PREFIX}(?P<code>[0-9]{{4,5}}){_BEFORE_CITY}", "", 0.85),
]
_POSTCODES = [(re.compile(pattern), country, sure) for pattern, country, sure in _POSTAL]
_TO = r"(?:in|at|te|bij|bei|aus|from|van|vanaf|von|ab|to|naar|nach|near)"
_AFTER_LABEL = re.compile(
    rf"[\0 \t.,:;()–-]{{0,60}}(?:\r?\n[> \t]{{0,6}})?"
    rf"(?:(?:{_TO}|is|the|der|den)[ ]{{1,2}}){{0,2}}(?P<city>{_CITY})"
)
_INSIDE = re.compile(rf"(?<!\w){_TO}[ ]{{1,2}}(?P<city>{_CITY})")
_BEFORE_LABEL = re.compile(rf"(?<!\w){_TO}[ ]{{1,2}}(?P<city>{_CITY})[ \0]{{1,30}}\Z")
_PLACE = (
    r"(?:(?:[A-Z]{1,2}-)?[0-9]{4,5}(?:[ ]?[A-Z]{2})?[ ]{1,2})?"
    rf"{_CITY}(?:[ ]{{0,2}}\([\w ]{{2,20}}\))?"
)
_PAIR = re.compile(
    rf"(?<!\w)(?:[Ff]rom|[Vv]an(?:af)?|[Vv]on|[Aa]b"
    rf"|[Aa]us)[ ]{{1,2}}(?P<from>{_PLACE})[ ,]{{1,3}}"
    rf"(?:to|naar|nach|->|→)[ ]{{1,2}}(?P<to>{_PLACE})"
)
_GOODS_TO = re.compile(rf"\0[^\n]{{0,60}}?(?<!\w)(?:to|naar|nach)[ ]{{1,2}}(?P<to>{_PLACE})")
_STREET = re.compile(r"[^\W\d_][^\n,;:0-9]{2,50}[ ][0-9]{1,5}[ -]?[a-zA-Z]{0,2}(?:[-/][0-9]{1,4})?")
_COMPANY = re.compile(
    r"(?<![\w.])(?:b\.?v|n\.?v|gmbh|ag|kg|ltd|limited|inc|llc|s\.?a|sarl|srl|s\.?p\.?a|oy"
    r"|aps)\.?(?!\w)",
    re.IGNORECASE,
)
_COUNTRY_NAMES = {
    "NL": "netherlands nederland niederlande holland", "DE": "germany duitsland deutschland",
    "BE": "belgium belgië belgie belgien belgique", "FR": "france frankrijk frankreich",
    "LU": "luxembourg luxemburg", "AT": "austria oostenrijk österreich",
    "CH": "switzerland zwitserland schweiz suisse", "IT": "italy italië italie italien italia",
    "ES": "spain spanje spanien españa", "PL": "poland polen polska",
    "CZ": "czechia tsjechië tschechien", "DK": "denmark denemarken dänemark danmark",
    "SE": "sweden zweden schweden sverige", "PT": "portugal", "HU": "hungary hongarije ungarn",
    "GB": "uk england britain grossbritannien großbritannien", "IE": "ireland ierland irland",
}  # fmt: skip
COUNTRIES = {name: code for code, names in _COUNTRY_NAMES.items() for name in names.split()}
_CODES = {*_COUNTRY_NAMES} | {"UK"}
_LETTERS = {"D": "DE", "B": "BE", "F": "FR", "L": "LU", "A": "AT", "I": "IT", "E": "ES", "S": "SE"}
_COUNTRY = rule(rf"(?<!\w)(?P<name>{'|'.join(COUNTRIES)})(?!\w)")
_CODE = re.compile(r"\A[ ,]{0,3}[(,/ -][ ]?(?P<code>[A-Z]{2})\)?(?!\w)")
_NO_CITY = rule(
    rf"(?:{PACKED}|{'|'.join(MONTHS)}|{'|'.join(WEEKDAYS)}|please|bitte|graag|gelieve|contact"
    rf"|kontakt|tel|phone"
    r"|date|datum|time|zeit|tijd|address|adres|adresse|ref|reference|referentie|the|de|het|die"
    r"|der|das|we|wir|wij|mr|mrs|dear|beste|hallo|hello|hi|goods|goederen|ware|waren|order"
    r"|auftrag|for|from|to|you|your|our|ons|uw|ihr|ihre|unser|unsere|this|dit|all|alle|adr|un"
    r"|asap|window|kind|best|met|mit|thanks|note|let op|weight|gewicht|quantity|aantal|anzahl|uhr"
    r"|uur|and|en|und|is|it|monday|between|tussen|zwischen)\.?"
)


@dataclass
class Place:
    """One end of the way; the keys are those of an address."""

    fields: dict[str, Found] = field(default_factory=dict)
    moments: dict[str, Found] = field(default_factory=dict)
    stops: int = 0  # of this kind that have a place of their own


@dataclass
class Route:
    pickup: Place = field(default_factory=Place)
    delivery: Place = field(default_factory=Place)
    day: Found | None = None  # of neither

    def of(self, kind: str) -> Place:
        return self.pickup if kind == PICKUP else self.delivery


@dataclass(frozen=True)
class Part:
    kind: str
    label: int
    begin: int
    end: int


def hide_what_is_no_order(sheet: Sheet) -> None:
    """Heads of forwarded mails, addresses of mail and telephone: their digits mislead."""
    sheet.hide(heads(sheet.left))
    sheet.take(WROTE, lambda match: True)
    sheet.take(_CONTACT, lambda match: True)


def left_over(sheet: Sheet) -> list[Span]:
    """Postcodes with their cities that nothing used; a signature's are the writer's own."""
    spans: list[Span] = []
    for pattern, _, _ in _POSTCODES:
        spans += sheet.take(pattern, lambda m: m.span() if _named(m["city"], 0, 1) else None)
    begins = [match.end() for match in _LABEL.finditer(sheet.text)] + quotes(sheet.text)
    ends = [match.start() for match in _GOODBYE.finditer(sheet.text)]
    marks = sorted([*((place, False) for place in begins), *((place, True) for place in ends)])
    return [
        (begin, begin + len(sheet.text[begin:end].rstrip(".-'’")))
        for begin, end in spans
        if not (at := bisect(marks, (begin, True))) or not marks[at - 1][1]
    ]


def read(sheet: Sheet, moments: Moments) -> Route:
    """Read both ends of the way; days and hours belong to the label in front of them."""
    route = Route()
    parts = _parts(sheet.left)
    for part in parts:
        _place(sheet, part, route.of(part.kind))
    if not (route.pickup.fields and route.delivery.fields):
        _without_labels(sheet, route)
    by_doubt = sorted(moments.days, key=lambda day: (day.confidence < 0.5, day.span))
    for name, found in (("date", by_doubt), ("from", moments.begins), ("until", moments.ends)):
        for moment in found:
            for part in _parts_of(moment.span[0], parts, sheet):
                if name not in route.of(part.kind).moments:
                    route.of(part.kind).moments[name] = moment
                    break
    labelled = [each for place in (route.pickup, route.delivery) for each in place.moments.values()]
    left = [day for day in by_doubt if day not in labelled]
    if left and not any("date" in each.moments for each in (route.pickup, route.delivery)):
        route.day = left[0]
    return route


def _parts(text: str) -> list[Part]:
    """From each label to the next one, or to the goodbye."""
    labels: list[tuple[str, int, int]] = []
    for match in _LABEL.finditer(text):
        kind = PICKUP if match[PICKUP] or match[f"{PICKUP}_"] else DELIVERY
        labels.append((kind, match.start(), match.end()))
        if len(labels) == MOST_PARTS:
            break
    parts = []
    for place, (kind, label, begin) in enumerate(labels):
        last = labels[place + 1][1] if place + 1 < len(labels) else len(text)
        end = min(last, begin + LONGEST_PART)
        if goodbye := _GOODBYE.search(text, begin, end):
            end = goodbye.start()
        parts.append(Part(kind, label, begin, end))
    return parts


def _parts_of(place: int, parts: list[Part], sheet: Sheet) -> list[Part]:
    """The part that holds this place; then a label that follows soon: "tomorrow pickup in Rome"."""
    holding = [part for part in parts if part.label <= place < part.end][:1]
    following = [part for part in parts if 0 < part.label - place <= _NEAR][:1]
    near = [each for each in following if sheet.line_begin(each.label) <= place]
    return holding + near


def _place(sheet: Sheet, part: Part, place: Place) -> None:
    """The place of one part; a second place of the same kind is counted and not taken."""
    text = sheet.left[part.begin : part.end]
    before = max(part.label - _NEAR, sheet.line_begin(part.label))
    found = _with_postcode(text) or _behind(text)
    if not found and (match := _BEFORE_LABEL.search(sheet.left[before : part.label])):
        found = _named(match["city"], before - part.begin + match.start("city"), 0.7)
    if not (found := found or _inside(text)):
        return
    place.stops += 1
    if place.fields:
        return
    for name, each in found.items():
        begin, end = each.span
        place.fields[name] = each.but(span=(begin + part.begin, end + part.begin))


def _with_postcode(text: str) -> dict[str, Found]:
    for pattern, country, sure in _POSTCODES:
        for match in pattern.finditer(text):
            found = _named(match["city"], match.start("city"), sure)
            if not found:
                continue
            code = match["code"]
            found["postalCode"] = Found(code, sure, match.span("code"))
            if country:
                found["country"] = Found(country, sure, match.span("code"))
            elif prefix := match["prefix"]:
                found["country"] = Found(_LETTERS.get(prefix, prefix), 0.95, match.span("prefix"))
            elif "country" not in found and (named := _country(text)):
                found["country"] = named
            return {**_lines_before(text[: match.start()]), **found}
    return {}


def _behind(text: str) -> dict[str, Found]:
    """A city without a postcode, right behind the label."""
    if match := _AFTER_LABEL.match(text):
        if _COMPANY.search(match["city"]):
            rest = text[match.end() :]
            if match2 := re.match(rf"[ ,.\r\n]{{1,4}}(?P<city>{_CITY})", rest):
                named = _named(match2["city"], match.end() + match2.start("city"), 0.65)
                name = Found(match["city"], 0.7, match.span("city"))
                return {"name": name, **named} if named else {}
            return {"name": Found(match["city"], 0.7, match.span("city"))}
        if found := _named(match["city"], match.start("city"), 0.75):
            return _with_country(text, match.end(), found)
    return {}


def _inside(text: str) -> dict[str, Found]:
    """A city without a postcode, somewhere behind the label, after a word such as "in"."""
    for match in _INSIDE.finditer(text):
        if found := _named(match["city"], match.start("city"), 0.65):
            return _with_country(text, match.end(), found)
    return {}


def _with_country(text: str, end: int, found: dict[str, Found]) -> dict[str, Found]:
    if "country" not in found:
        if (code := _CODE.match(text[end : end + 12])) and code["code"] in _CODES:
            span = (end + code.start("code"), end + code.end("code"))
            found["country"] = Found(code["code"].replace("UK", "GB"), 0.9, span)
        elif named := _country(text):
            found["country"] = named
    return found


def _country(text: str) -> Found | None:
    match = _COUNTRY.search(text)
    return Found(COUNTRIES[match["name"].lower()], 0.9, match.span()) if match else None


def _named(written: str, begin: int, sure: float) -> dict[str, Found]:
    """A city, and its country when that stands behind it; nothing for a word that is no city."""
    found: dict[str, Found] = {}
    written = written.rstrip(".-'’")
    head, _, last = written.rpartition(" ")
    if head and (last in _CODES or last.lower() in COUNTRIES):
        at = begin + len(head) + 1
        code = COUNTRIES.get(last.lower(), last.replace("UK", "GB"))
        found["country"] = Found(code, 0.9, (at, at + len(last)))
        written = head.rstrip(" ,")
    first = written.split(" ")[0]
    if not written or _NO_CITY.fullmatch(first) or written in _CODES:
        return {}
    return {"city": Found(written, sure, (begin, begin + len(written))), **found}


def _lines_before(text: str) -> dict[str, Found]:
    """Name and street, from the lines (or between the commas) in front of the postcode."""
    found: dict[str, Found] = {}
    at = 0
    lines: list[tuple[int, str]] = []
    for piece in re.split(r"([\n,;])", text):
        words = piece.strip(" \t\r>.:-–\0")
        if words and "\0" not in words and len(words) > 1 and piece not in "\n,;":
            lines.append((at + piece.index(words), words))
        at += len(piece)
    for begin, line in lines[-4:]:
        value = re.sub(rf"\A{_TO}[ ]", "", line)
        begin += len(line) - len(value)
        span = (begin, begin + len(value))
        if _STREET.fullmatch(value):
            found["street"] = Found(value, 0.8, span)
        elif "name" not in found and _is_name(value):
            found["name"] = Found(value, 0.7, span)
    return found


def _is_name(line: str) -> bool:
    first = line.split(" ")[0]
    return (
        line[0].isupper() and len(line) <= 80 and ":" not in line and not _NO_CITY.fullmatch(first)
    )


def _without_labels(sheet: Sheet, route: Route) -> None:
    """ "from A to B", and "20 pallets to B"."""
    for match in _PAIR.finditer(sheet.left):
        begin, end = (_spot(sheet.left, match.span(name)) for name in ("from", "to"))
        if begin and end:
            route.pickup.fields = route.pickup.fields or begin
            route.delivery.fields = route.delivery.fields or end
            return
    if not route.delivery.fields:
        for match in _GOODS_TO.finditer(sheet.left):
            if spot := _spot(sheet.left, match.span("to")):
                route.delivery.fields = {
                    name: each.but(confidence=min(each.confidence, 0.6))
                    for name, each in spot.items()
                }
                return


def _spot(text: str, span: Span) -> dict[str, Found]:
    begin, end = span
    written = text[begin:end]
    found = _with_postcode(written)
    if not found and (match := re.match(_CITY, written)):
        found = _named(match.group(), 0, 0.8)
        found = _with_country(written, match.end(), found) if found else {}
    return {
        name: each.but(span=(each.span[0] + begin, each.span[1] + begin))
        for name, each in found.items()
    }
