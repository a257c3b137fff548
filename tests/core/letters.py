"""Letters, and how they are read."""

from datetime import date
from typing import Any

from integrations.core import letter
from integrations.core.letter import Letter, Notice

FRIDAY = date(2026, 3, 20)
SHORT = {
    "C": "consignments[0]",
    "G": "consignments[0].goods[0]",
    "H": "consignments[0].goods[1]",
    "P": "consignments[0].originalPhysicalSender",
    "D": "consignments[0].originalPhysicalAddressee",
    "X": "consignments[0].externalAttributes",
    "R": "externalAttributes",
}


def read(body: str, subject: str = "") -> Letter:
    return letter.read(body, subject, FRIDAY)


def values(found: Letter) -> dict[str, Any]:
    """The values by paths in short."""
    made = {}
    for path, each in found.fields.items():
        key, start = max(
            ((key, start) for key, start in SHORT.items() if path.startswith(start)),
            key=lambda pair: len(pair[1]),
        )
        made[key + path.removeprefix(start)] = each.value
    return made


def kg(value: Any) -> dict[str, Any]:
    return {"value": value, "unit": "kg"}


def unread(found: Letter, body: str, subject: str = "") -> list[str]:
    """What is said to be seen and not used."""
    texts = {"body": body, "subject": subject}
    notices = [each for each in found.problems if isinstance(each, Notice)]
    assert {each.code for each in notices} <= {"unread"}
    return [texts[each.field][slice(*each.span)] for each in notices]
