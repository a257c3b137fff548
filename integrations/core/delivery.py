"""How an integration delivers: order, poison, deadline, concurrency, retries."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from integrations.core.backoff import RetryPolicy
from integrations.core.errors import Problem
from integrations.core.rate import Rate
from otms.spelling import did_you_mean

ORDERINGS = ("perEntity", "none")
MOST_NAMED = 20
LONGEST_WAIT = 3600
ON_POISON = ("park", "block", "skip")
DEFAULTS: dict[str, Any] = {
    "ordering": "perEntity",
    "onPoison": "park",
    "coalesce": False,
    "timeout": 15,
    "concurrency": 8,
    "rate": None,
    "retry": {"giveUpAfter": "P3D", "on": [408, 425, 429, "5xx", "network"]},
}


@dataclass(frozen=True)
class DeliveryPolicy:
    """`timeout` is the total deadline of one call in seconds; `concurrency` the calls at once.

    `coalesce` is for how many seconds a change waits for newer ones of the same record to replace
    it; 0 replaces only what waits anyway, None nothing.
    """

    ordering: str
    on_poison: str
    timeout: float
    concurrency: int
    retry: RetryPolicy
    rate: Rate | None = None
    coalesce: float | None = None

    @classmethod
    def of(cls, document: dict[str, Any] | None) -> "DeliveryPolicy":
        """The policy of a checked document; what it leaves out is the default."""
        full = completed(document)
        return cls(
            ordering=full["ordering"],
            on_poison=full["onPoison"],
            timeout=float(full["timeout"]),
            concurrency=int(full["concurrency"]),
            retry=RetryPolicy.from_document(full["retry"]),
            rate=Rate.of(full["rate"]),
            coalesce=_seconds(full["coalesce"]),
        )


def completed(document: dict[str, Any] | None) -> dict[str, Any]:
    """The document with the defaults filled in; null, where it may be sent, stands for them."""
    given = document or {}
    retry = {key: value for key, value in (given.get("retry") or {}).items() if value is not None}
    return {**DEFAULTS, **given, "retry": {**DEFAULTS["retry"], **retry}}


def check(document: Any) -> list[Problem]:
    """What is wrong with a delivery document, field by field."""
    if not isinstance(document, dict):
        return [Problem("", "not_an_object", "The delivery settings must be a JSON object.")]
    found = []
    for key in islice((key for key in document if key not in DEFAULTS), MOST_NAMED):
        known = f"there are: {', '.join(DEFAULTS)}.{did_you_mean(key, DEFAULTS)}"
        found.append(Problem(str(key), "unknown_field", f"There is no {key!r} here; {known}"))
    for key, choices in (("ordering", ORDERINGS), ("onPoison", ON_POISON)):
        if key in document and document[key] not in choices:
            found.append(Problem(key, "invalid_choice", f"Choose one of {', '.join(choices)}."))
    for key, most in (("timeout", 60), ("concurrency", 100)):
        value = document.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            found.append(Problem(key, "out_of_range", f"Write a whole number from 1 to {most}."))
    found += _check_coalesce(document)
    if document.get("rate") is not None and Rate.of(document["rate"]) is None:
        text = "Write so many calls in a time, 60/min, 10/s or 1000/hour, or null for no limit."
        found.append(Problem("rate", "invalid_rate", text))
    return found + [problem.under("retry") for problem in RetryPolicy.check(document.get("retry"))]


def _seconds(coalesce: bool | int | None) -> float | None:
    if coalesce is None or coalesce is False:
        return None
    return 0.0 if coalesce is True else float(coalesce)


def _check_coalesce(document: dict[str, Any]) -> list[Problem]:
    value = document.get("coalesce")
    if value is None or value is False:
        return []
    if document.get("ordering") == "none":
        text = "Without an order nothing is newer: leave out `ordering`, or write perEntity."
        return [Problem("coalesce", "needs_order", text)]
    if value is True or (isinstance(value, int) and 1 <= value <= LONGEST_WAIT):
        return []
    text = (
        "Write true to replace what waits by what is newer, the whole seconds that a change should "
        f"wait for newer ones (1 to {LONGEST_WAIT}), or false."
    )
    return [Problem("coalesce", "out_of_range", text)]
