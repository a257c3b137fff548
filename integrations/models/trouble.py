"""What is said when the trouble of a target begins or ends: in the logs, and to those in charge."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from integrations.core.trouble import Trouble
from integrations.models.alert import Alert, Kind
from integrations.models.gate import Heard, moment
from integrations.models.log import Level, Log
from otms.documents import timestamp

log = logging.getLogger(__name__)

# What a log line is called by, of each kind.
CODES = {
    Kind.TROUBLE: ("target_in_trouble", Level.ERROR),
    Kind.RECOVERED: ("target_recovered", Level.INFO),
    Kind.SUSPENDED: ("suspended", Level.ERROR),
}


@dataclass(frozen=True)
class Telling:
    """Says it once, in the transaction that it happens in, of the targets of one integration."""

    using: str
    platform_id: Any
    integration_id: Any

    def heard(self, heard: Heard) -> None:
        for source, trouble in heard.begun.items():
            text = f"{trouble.name} {_failed(trouble)}: {trouble.reason} {_meanwhile(trouble)}"
            self._write(Kind.TROUBLE, text, source, trouble)
        for source, trouble in heard.over.items():
            text = f"{trouble.name} works again. {_was(trouble)}"
            self._write(Kind.RECOVERED, text, source, trouble)

    def gone(self, troubles: dict[str, Trouble]) -> None:
        """Their data sources were taken away, and the trouble with them."""
        for source, trouble in troubles.items():
            text = f"{trouble.name} was taken away. {_was(trouble)}"
            self._write(Kind.RECOVERED, text, source, trouble)

    def suspended(self, source: Any, reason: str) -> None:
        """Nothing more is sent, and a person has to say when it is again."""
        text = f"{reason} Nothing more is sent until a person saves or resumes the integration."
        self._write(Kind.SUSPENDED, text, source)

    def _write(self, kind: Kind, text: str, source: Any, trouble: Trouble | None = None) -> None:
        code, level = CODES[kind]
        since = moment(trouble.since) if trouble else now()
        Log.objects.using(self.using).create(
            platform_id=self.platform_id,
            integration_id=self.integration_id,
            level=level,
            code=code,
            message=text,
            data={"dataSourceId": source and str(source), "since": timestamp(since)},
        )
        alerts = Alert.objects.using(self.using)
        alerts.tell(self.integration_id, self.platform_id, kind, source, text, since)
        extra = {"code": code, "integration": self.integration_id}
        severity = logging.getLevelName(level.upper())
        transaction.on_commit(partial(log.log, severity, text, extra=extra), using=self.using)


def _failed(trouble: Trouble) -> str:
    return f"failed {trouble.failures} times since {_at(trouble.since)}"


def _meanwhile(trouble: Trouble) -> str:
    if trouble.held:
        return "What is to be sent there waits; one call at a time is tried until it works again."
    return "It answers, so what comes next is sent all the same."


def _was(trouble: Trouble) -> str:
    return f"It was in trouble since {_at(trouble.since)}: {trouble.reason}"


def _at(seconds: float) -> str:
    return f"{moment(seconds):%Y-%m-%d %H:%M:%S} UTC"
