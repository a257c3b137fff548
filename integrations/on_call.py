"""Whoever runs this deployment is mailed what no platform can mend: seldom, and never in the way.

To `OTMS_OPERATOR_EMAILS`, one mail an hour for each kind of trouble, whatever all processes find.
After one that could not be sent, what is found a minute later is mailed.
What is told here stands in the log of the server too, each time.
"""

import logging
import socket
from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

from django.conf import settings
from django.core.cache import cache

from integrations import connectors
from integrations.connectors.base import Delivery

log = logging.getLogger(__name__)

PERIOD = 3600  # seconds in which one mail of a kind is enough
AGAIN = 60  # seconds after a mail that could not be sent
TIMEOUT = 10.0
FOOT = (
    "Server: {host}\nTime: {now:%Y-%m-%d %H:%M:%S} UTC\n\nWhat else of this kind happens within "
    "the hour is in the log of the server, and is not mailed."
)


def tell(kind: str, subject: str, text: str) -> bool:
    """Mail it, unless this kind was mailed within the hour; was it sent?

    It takes ten seconds at most, asks no database, and raises nothing.
    """
    if not (settings.EMAIL_HOST and settings.OTMS_OPERATOR_EMAILS):
        return False
    told = f"operators-told-{kind}"
    try:
        if not cache.add(told, 1, PERIOD):
            return False
        foot = FOOT.format(host=socket.gethostname(), now=datetime.now(UTC))
        mail = {
            "to": settings.OTMS_OPERATOR_EMAILS,
            "subject": f"OTMS: {subject}",
            "body": f"{text}\n\n{foot}\n",
        }
        connector = connectors.load("email")({}, {})
        delivery = Delivery.now(str(uuid4()))
        error = connector.call(connector.request(mail, delivery), timeout=TIMEOUT).error
    except Exception as fault:  # noqa: BLE001 - whoever tells has something else to do
        error = f"{type(fault).__name__}: {fault}"
    if error:
        _forget_soon(told)
        log.error("the operators could not be mailed", extra={"kind": kind, "error": error})
    return not error


def _forget_soon(told: str) -> None:
    # A cache that is away was the error, or is one more that can't be mended here.
    with suppress(Exception):
        cache.touch(told, AGAIN)
