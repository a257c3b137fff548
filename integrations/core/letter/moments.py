"""Days and hours, as people write them; each with the doubt that it deserves."""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta

from integrations.core.letter.sheet import Found, Sheet, rule

_MONTHS = (
    "january januari januar jänner jan", "february februari februar feb",
    "march maart märz maerz mar mrt mär", "april apr", "may mei mai", "june juni jun",
    "july juli jul", "august augustus aug", "september sept sep", "october oktober oct okt",
    "november nov", "december dezember dec dez",
)  # fmt: skip
MONTHS = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_DAYS = (
    "monday maandag montag", "tuesday dinsdag dienstag", "wednesday woensdag mittwoch",
    "thursday donderdag donnerstag", "friday vrijdag freitag", "saturday zaterdag samstag",
    "sunday zondag sonntag",
)  # fmt: skip
WEEKDAYS = {name: number for number, names in enumerate(_DAYS) for name in names.split()}
_FROM_TODAY = {
    **dict.fromkeys(("today", "vandaag", "heute"), 0),
    **dict.fromkeys(("tomorrow", "morgen"), 1),
    **dict.fromkeys(("overmorgen", "übermorgen", "uebermorgen"), 2),
}
_MONTH = "(?P<month>" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")(?![^\W_])\.?"
_DAY = r"(?P<day>[0-3]?[0-9])"
_ORDINAL = r"(?:st|nd|rd|th|e|ste|de)?\.?"
_ALONE = r"(?<![\w./:,-])"
_ISO = rule(r"(?<![\w-])(?P<year>20[0-9]{2})-(?P<month>[01][0-9])-(?P<day>[0-3][0-9])(?![0-9-])")
_NUMERIC = rule(
    _ALONE + r"(?P<first>[0-3]?[0-9])(?P<mark>[-/.])(?P<second>[0-3]?[0-9])(?P=mark)"
    r"(?P<year>(?:20)?[0-9]{2})(?![\w/]|[.,-][0-9])"
)
_SHORT = rule(
    _ALONE + r"(?:(?P<first>[0-3]?[0-9])(?P<mark>/)(?P<second>[0-3]?[0-9])"
    r"|(?P<first_>[0-3][0-9])(?P<mark_>-)(?P<second_>[01][0-9])"
    r"|(?P<first__>[0-3]?[0-9])(?P<mark__>\.)(?P<second__>[01]?[0-9])\.)(?![\w/-]|[.,][0-9])"
)
_NAMED = rule(
    _ALONE + rf"{_DAY}{_ORDINAL}(?:[ ]?(?:-|–|/|t/m|to|tot|bis|and|en|und|or|of|oder)[ ]?"
    rf"(?P<until>[0-3]?[0-9]){_ORDINAL})?[ \xa0]?(?:of "
    rf"|de )?{_MONTH}(?:,?[ ](?P<year>20[0-9]{{2}}))?(?!\w)"
)
_MONTH_FIRST = rule(
    rf"(?<!\w){_MONTH}[ ]{_DAY}(?:st|nd|rd|th)?(?:,?[ ](?P<year>20[0-9]{{2}}))?(?![\w:/]"
    rf"|[.,][0-9])"
)
_RELATIVE = rule(
    rf"(?<![\w-])(?<!guten )(?<!goede )(?<!am )(?P<word>{'|'.join(_FROM_TODAY)})"
    r"(?:ochtend|middag|avond|vroeg| früh| vormittag| nachmittag)?(?!\w)"
)
_WEEKDAY = rule(rf"(?<!\w)(?P<word>{'|'.join(WEEKDAYS)})(?!\w)")
# A weekday beside a day may be short: it only decides between two readings.
_SHORT_DAYS = ("mon ma mo", "tue tues di", "wed wo mi", "thu thurs do", "fri vr fr", "sat za sa",
               "sun zo so")  # fmt: skip
BESIDE = WEEKDAYS | {
    name: number for number, names in enumerate(_SHORT_DAYS) for name in names.split()
}
_BESIDE = "(?P<word>" + "|".join(sorted(BESIDE, key=len, reverse=True)) + ")"
_BEFORE_DAY = rule(rf"(?<!\w){_BESIDE}[ .,(]{{1,3}}(?:(?:the|de|den|der)[ ])?\Z")
_BEHIND_DAY = rule(rf"[ ,(]{{1,3}}{_BESIDE}(?!\w)")
_GREETING = re.compile(r"[ \t>]{0,9}morgen[^\n]{0,25}[,!][ \t\r]{0,3}(?:\n|\Z)", re.IGNORECASE)

_UNIT = r"(?:uur|uhr|hours?|hrs|h|u|am|pm|o'clock)"
_WINDOW = rule(
    r"(?P<between>(?:between|tussen|zwischen)[ ]{1,2})?"
    rf"{_ALONE}(?P<hour>[0-2]?[0-9])(?:[:.](?P<minute>[0-5][0-9]))?[ ]?(?P<unit>{_UNIT})?"
    r"[ ]?(?:-|–|t/m|tot|to|bis|until|till|and|en|und)[ ]?"
    rf"(?P<hour2>[0-2]?[0-9])(?:[:.](?P<minute2>[0-5][0-9]))?(?:[ ]?(?P<unit2>{_UNIT}))?"
    r"(?![\w:-]|[.,][0-9])"
)
_TIME = rule(
    r"(?:(?P<word>before|by|until|latest|vor|voor|bis|uiterlijk|spätestens|after|from|na|vanaf|ab"
    r"|nach|at|om|um)[ ]{1,2})?"
    rf"{_ALONE}(?P<hour>[0-2]?[0-9])(?:(?P<mark>[:.])(?P<minute>[0-5][0-9]))?"
    rf"(?:[ ]?(?P<unit>{_UNIT}))?"
    r"(?![\w:-]|[.,][0-9])"
)
_BY = rule(  # "by Friday", "before 26 March at", in front of an hour; what was read is hidden
    r"(?<!\w)(?:before|by|until|till|latest|later than|vor|voor|tot|tegen|bis|uiterlijk|spätestens)"
    rf"[ ]{{1,2}}(?:(?:\0{{1,40}}|{'|'.join(WEEKDAYS)}|{'|'.join(_FROM_TODAY)}|zum|am|de|den|the|on"
    r"|op|at|om|um)[ ,.]{1,3}){1,4}\Z"
)
_UNTIL = {"before", "by", "until", "latest", "vor", "voor", "bis", "uiterlijk", "spätestens"}


@dataclass
class Moments:
    days: list[Found] = field(default_factory=list)
    begins: list[Found] = field(default_factory=list)
    ends: list[Found] = field(default_factory=list)


def read(sheet: Sheet, today: date) -> Moments:
    """Take days and hours out of a sheet; a day without a year is the next one after today."""
    found = Moments()
    found.days += sheet.take(_ISO, lambda m: _iso(m))
    found.days += sheet.take(_NUMERIC, lambda m: _numeric(m, today))
    found.days += sheet.take(_NAMED, lambda m: _named(m, today))
    found.days += sheet.take(_MONTH_FIRST, lambda m: _named(m, today))
    windows = sheet.take(_WINDOW, _window)
    found.days += sheet.take(_SHORT, lambda m: _numeric(m, today))
    times = sheet.take(_TIME, _time)
    found.days += sheet.take(_RELATIVE, lambda m: _relative(m, today))
    found.days += sheet.take(_WEEKDAY, lambda m: _weekday(m, today))
    for begin, end in windows:
        found.begins.append(begin)
        found.ends.append(end)
    for is_end, time in times:
        (found.ends if is_end else found.begins).append(time)
    return found


def _day(year: int, month: int, day: int) -> date | None:
    with suppress(ValueError):
        return date(year, month, day)
    return None


def _next(month: int, day: int, today: date) -> date | None:
    """The day without its year: a little while ago, or the next one to come."""
    this = _day(today.year, month, day)
    if this is not None and this >= today - timedelta(days=30):
        return this
    return _day(today.year + 1, month, day)


def _iso(match: re.Match[str]) -> Found | None:
    day = _day(int(match["year"]), int(match["month"]), int(match["day"]))
    return Found(day.isoformat(), 0.95, match.span()) if day else None


def _numeric(match: re.Match[str], today: date) -> Found | None:
    """Day and month; where both could be either, the other reading is an alternative."""
    groups = match.groupdict()
    first, mark, second = next(
        (groups[f"first{each}"], groups[f"mark{each}"], groups[f"second{each}"])
        for each in ("", "_", "__")
        if groups.get(f"first{each}")
    )
    if match.group() == "24/7":  # always
        return None
    year = groups.get("year")

    def on(day: str, month: str) -> date | None:
        if year is None:
            return _next(int(month), int(day), today)
        return _day(int(year) if len(year) == 4 else 2000 + int(year), int(month), int(day))

    sure = 0.95 if year else 0.75
    european, american = on(first, second), on(second, first) if mark != "." else None
    if european and american and (likely := _likely([european, american], match, today)):
        return Found(likely.isoformat(), sure, match.span())
    if european is None:
        return Found(american.isoformat(), sure - 0.1, match.span()) if american else None
    if american is None or american == european:
        return Found(european.isoformat(), sure, match.span())
    sure, other = (0.5, 0.4) if mark == "/" else (sure - 0.15, 0.2)
    return Found(european.isoformat(), sure, match.span(), ((american.isoformat(), other),))


def _likely(days: list[date], match: re.Match[str], today: date) -> date | None:
    """The only one that has the weekday beside it, or that is not over."""
    before = match.string[max(0, match.start() - 20) : match.start()]
    if found := _BEFORE_DAY.search(before) or _BEHIND_DAY.match(match.string, match.end()):
        named = [day for day in days if day.weekday() == BESIDE[found["word"].lower()]]
        if len(named) == 1:
            return named[0]
    ahead = [day for day in days if day >= today]
    return ahead[0] if len(ahead) == 1 else None


def _named(match: re.Match[str], today: date) -> Found | None:
    month, year = MONTHS[match["month"].lower()], match["year"]

    def on(number: str) -> date | None:
        return _day(int(year), month, int(number)) if year else _next(month, int(number), today)

    day = on(match["day"])
    if day is None:
        return None
    last = on(until) if (until := match.groupdict().get("until")) else None
    if last is not None and day < today <= last:
        return Found(last.isoformat(), 0.6, match.span())
    if last is not None:
        return Found(day.isoformat(), 0.6, match.span(), ((last.isoformat(), 0.4),))
    return Found(day.isoformat(), 0.95 if year else 0.85, match.span())


def _relative(match: re.Match[str], today: date) -> Found | None:
    begin = match.string.rfind("\n", 0, match.start()) + 1
    if _GREETING.match(match.string, begin):
        return None
    day = today + timedelta(days=_FROM_TODAY[match["word"].lower()])
    return Found(day.isoformat(), 0.6, match.span())


def _weekday(match: re.Match[str], today: date) -> Found:
    ahead = (WEEKDAYS[match["word"].lower()] - today.weekday() - 1) % 7 + 1
    day, week = today + timedelta(days=ahead), timedelta(days=7)
    other = day - week if ahead == 7 else day + week  # "Friday" on a Friday, or of the next week
    return Found(day.isoformat(), 0.4, match.span(), ((other.isoformat(), 0.2),))


def _clock(hour: str, minute: str | None, unit: str | None) -> str | None:
    number = int(hour)
    if unit and unit.lower() in ("am", "pm"):
        if not 1 <= number <= 12:
            return None
        number = number % 12 + (12 if unit.lower() == "pm" else 0)
    return f"{number:02}:{int(minute or 0):02}" if number < 24 else None


def _window(match: re.Match[str]) -> tuple[Found, Found] | None:
    said = match["unit"] or match["unit2"] or match["between"]
    clock = match["minute"] and match["minute2"] and "." not in match.group()
    if not (said or clock):
        return None
    unit = match["unit"] or match["unit2"]
    begin = _clock(match["hour"], match["minute"], unit)
    end = _clock(match["hour2"], match["minute2"], match["unit2"])
    if begin is None or end is None or begin >= end:
        return None
    sure = 0.9 if clock or unit else 0.7
    last = match.end("minute2") if match["minute2"] else match.end("hour2")
    return (
        Found(
            begin, sure, (match.start("hour"), match.end("minute" if match["minute"] else "hour"))
        ),
        Found(end, sure, (match.start("hour2"), last)),
    )


def _time(match: re.Match[str]) -> tuple[bool, Found] | None:
    if match["mark"] != ":" and not match["unit"]:
        return None
    if match["unit"] and match["unit"].lower() in ("h", "u") and match["minute"] is None:
        return None  # "24 h"
    clock = _clock(match["hour"], match["minute"], match["unit"])
    if clock is None:
        return None
    word = (match["word"] or "at").lower()
    before = match.string[max(0, match.start() - 60) : match.start()]
    is_end = word in _UNTIL or bool(word in ("at", "om", "um") and _BY.search(before))
    last = match.end("minute" if match["minute"] else "hour")
    return is_end, Found(clock, 0.8, (match.start("hour"), last))
