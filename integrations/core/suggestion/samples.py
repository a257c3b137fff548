"""What kind of value an example shows, and in what format it writes its dates."""

import re
from decimal import Decimal
from typing import Any

from integrations.core.scalars import LONGEST, moment, number

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TIME = re.compile(r"(?:[01]?[0-9]|2[0-4]):[0-5][0-9](?::[0-5][0-9])?")
_NUMBER = re.compile(
    r"[-+]?[0-9]{1,3}(?:[.,' ][0-9]{3})*(?:[.,][0-9]{1,6})?|[-+]?[0-9]+[.,]?[0-9]*"
)
_MAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_URL = re.compile(r"(?:https?://|www\.)\S+")
_WRITTEN = re.compile(
    r"(?P<a>[0-9]{1,4})(?P<sep>[-./])(?P<b>[0-9]{1,2})(?P=sep)(?P<c>[0-9]{4}|[0-9]{2})"
    r"(?P<time>(?P<gap>[T ])[0-9]{2}:[0-9]{2}(?P<seconds>:[0-9]{2})?)?"
)
_COMPACT = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
_TRUTHS = frozenset({"true", "false", "yes", "no", "ja", "nee", "nein", "y", "n", "j"})
_ZONE = re.compile(r"T.*(?:Z|[-+][0-9:]+)$", re.IGNORECASE)
NOTHING = "nothing"
# As our documents write them.
ISO_DAY, ISO_MOMENT = "%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"


def kind(sample: Any) -> str:
    """One of boolean, number, date, moment, time, uuid, mail, url, code, text, nothing."""
    if sample is None or sample == "":
        return NOTHING
    if isinstance(sample, bool):
        return "boolean"
    if isinstance(sample, int | float | Decimal):
        return "number"
    text = str(sample).strip()
    if len(text) > LONGEST:
        return "text"
    if text.lower() in _TRUTHS:
        return "boolean"
    if (read := date_format(text)) is not None:
        return "moment" if "%H" in read[0] else "date"
    for name, pattern in (("time", _TIME), ("uuid", _UUID), ("mail", _MAIL), ("url", _URL)):
        if pattern.fullmatch(text):
            return name
    if _NUMBER.fullmatch(text) or number(text) is not None:
        return "number"
    return "text" if " " in text or text.isalpha() else "code"


def date_format(sample: Any) -> tuple[str, bool] | None:
    """The format of a written date, and whether it can be read in one way only; None of others.

    What begins with a day below 13 is read day first, and may be month first.
    """
    text = sample.strip() if isinstance(sample, str) else ""
    if len(text) > 40:
        return None
    if moment(text) is not None and (len(text) == 10 or _ZONE.search(text)):
        return (ISO_MOMENT if len(text) > 10 else ISO_DAY), True
    if _COMPACT.fullmatch(text):
        return "%Y%m%d", True
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    first, second, sep = int(found["a"]), int(found["b"]), found["sep"]
    sure = True
    if len(found["a"]) == 4:
        parts = ["%Y", "%m", "%d"]
        right = second <= 12 and int(found["c"]) <= 31
    else:
        year = "%Y" if len(found["c"]) == 4 else "%y"
        parts = ["%d", "%m", year]
        if first <= 12 < second:
            parts = ["%m", "%d", year]
        # Nobody writes the month first between dots.
        sure = sep == "." or max(first, second) > 12
        right = 1 <= min(first, second) <= 12 and max(first, second) <= 31
    if not right:
        return None
    time = f"{found['gap']}%H:%M{':%S' if found['seconds'] else ''}" if found["time"] else ""
    return sep.join(parts) + time, sure
