"""Workers send what waits: each notice by itself, so that none waits long for another.

Calls are made by threads, with no transaction open; what became of one is written down at once,
by the thread that handed it out. So nobody is told twice, unless a worker dies between the two.
"""

import logging
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections, transaction

from integrations import connectors, http, on_call
from integrations.alerts import words
from integrations.connectors import email
from integrations.connectors.base import BlockingConnector, Delivery
from integrations.core.backoff import parse_retry_after
from integrations.core.errors import ExpressionError
from integrations.http import Exchange, Request
from integrations.models import Alert, AlertRecipient, Level, Log, Notice
from integrations.models.alert import NoticeOutcome
from otms.accounts import audit
from otms.db.sealing import UNREADABLE

log = logging.getLogger(__name__)

TIMEOUT = 10.0
THREADS = 8  # calls of one worker at a time, each to another recipient
LOOK_AGAIN = 1.0  # seconds, while some hang
FAULT = "Something went wrong on our side with this; it is in the log of the server."
UNSEEN = "Whether it arrived, only they can see there."  # a mail, behind the first mail server


# In a worker.

_stopping = threading.Event()
_busy = threading.Lock()
_thread: threading.Thread | None = None


def poke() -> None:
    """See that somebody of this process sends what is due; returns at once.

    In a thread of its own: what hangs keeps no hint waiting, and no import.
    """
    global _thread
    with _busy:
        if _stopping.is_set() or (_thread and _thread.is_alive()):
            return
        _thread = threading.Thread(target=_work, name="otms-alerts", daemon=True)
        _thread.start()


def stop() -> None:
    """Begin no more calls."""
    _stopping.set()


def finish() -> None:
    """Wait for those that were begun, and write down what became of them."""
    stop()
    if _thread:
        _thread.join(TIMEOUT + 2)


def _work() -> None:
    try:
        work_off()
    except (OperationalError, InterfaceError):
        log.warning("alerts wait: the database is away", exc_info=True)
    except Exception:
        log.exception("alerts could not be sent")
    finally:
        connections.close_all()


def work_off() -> None:
    """Send what is due until nothing is, and nothing is under way."""
    under_way: dict[Future[Exchange], tuple[Notice, str]] = {}
    with ThreadPoolExecutor(THREADS, "otms-alert") as threads:
        while True:
            if not _stopping.is_set():
                Alert.objects.all().address()
                for notice in Notice.objects.all().claim(THREADS - len(under_way)):
                    reason = _hopeless(notice)  # here: those threads have no database
                    under_way[threads.submit(_sent, notice, reason)] = notice, reason
            if not under_way:
                return
            done, _ = wait(under_way, LOOK_AGAIN, FIRST_COMPLETED)
            for future in done:
                notice, reason = under_way.pop(future)
                if given_up := _conclude(notice, future.result(), for_good=bool(reason)):
                    threads.submit(on_call.tell, "alert-given-up", *given_up)


def _sent(notice: Notice, reason: str) -> Exchange:
    """Tell the recipient, if no reason is against it; what comes of it, and never an exception."""
    alert, recipient = notice.alert, notice.recipient
    assert recipient  # noqa: S101 - else it is not claimed
    if reason:
        return _failure(reason)
    try:
        if recipient.email:
            delivery = Delivery.now(f"{alert.pk}.{notice.pk}", notice.attempts)
            return _mailed(recipient, words.mail(alert), delivery)
        delivery = Delivery.now(str(alert.pk), notice.attempts, notice.pk)
        return _called(recipient, words.document(alert), delivery)
    except Exception:
        log.exception("an alert could not be sent", extra={"alert": str(alert.pk)})
        return _failure(FAULT)


def _hopeless(notice: Notice) -> str:
    """Why it is not even tried, nor ever again; "" if it is."""
    if notice.recipient and notice.recipient.email and not settings.EMAIL_HOST:
        return email.NO_SERVER
    # A notice that brings its worker down would do so for ever.
    if notice.brings_workers_down:
        which = notice.interruptions or "the last of its"
        return f"The worker stopped in the middle of {which} attempts."
    return ""


def _conclude(notice: Notice, exchange: Exchange, *, for_good: bool) -> tuple[str, str] | None:
    """Write down what became of it; what the operators are to know of it, if it was given up."""
    error = _judged(exchange)
    if not error:
        notice.succeed()
        return None
    alert = notice.alert
    about = {"alert": str(alert.pk), "integration": str(alert.integration_id), "error": error}
    with transaction.atomic():
        if not notice.fail(error, _retry_after(exchange), for_good=for_good):
            return None
        if notice.outcome != NoticeOutcome.GIVEN_UP:
            log.warning("an alert could not be sent, and is tried again", extra=about)
            return None
        tried = "" if for_good else f", after {notice.attempts} attempts in a day"
        text = f"{notice.to} was not told{tried}: {error}"
        Log.objects.create(
            platform_id=notice.platform_id,
            integration_id=notice.integration_id,
            level=Level.ERROR,
            code="alert_given_up",
            message=text,
            data={"alertId": str(alert.pk), "kind": alert.kind},
        )
    log.error("an alert was given up", extra=about)
    subject = f"an alert of {alert.platform.name} reached nobody at {notice.to}"
    return subject, f"The alert of {alert.integration.name} was given up. {text}"


# One call.


class Tried(NamedTuple):
    """Whether a test was taken, and in words what is known of it."""

    sent: bool
    said: str


def tried(recipient: AlertRecipient) -> Tried:
    """Tell a recipient now, as a test, and say what came of it. No transaction may be open."""
    id, now = str(uuid4()), datetime.now(UTC)
    audit.record("test:alertRecipient", recipient)
    delivery = replace(Delivery.now(id), test=True)
    if recipient.email:
        exchange = _mailed(recipient, words.tried_mail(recipient), delivery)
    else:
        document = words.tried_document(recipient, id, now)
        exchange = _called(recipient, document, delivery)
    if error := _judged(exchange):
        return Tried(False, error)
    return Tried(True, UNSEEN if recipient.email else f"It answered {exchange.status}.")


def _mailed(recipient: AlertRecipient, mail: dict[str, str], delivery: Delivery) -> Exchange:
    document = {**mail, "subject": f"OTMS: {mail['subject']}", "to": recipient.email}
    return _made(connectors.load("email")({}, {}), document, delivery)


def _called(recipient: AlertRecipient, document: dict[str, Any], delivery: Delivery) -> Exchange:
    if not recipient.secrets.are_readable:
        return _failure(f"The signing secret {UNREADABLE}")
    return _made(
        connectors.load("webhook")({"url": recipient.url}, recipient.secrets), document, delivery
    )


def _made(connector: Any, document: Any, delivery: Delivery) -> Exchange:
    try:
        request = connector.hiding(connector.request(document, delivery))
    except ExpressionError as error:
        return _failure(error.said)
    if isinstance(connector, BlockingConnector):
        return connector.call(request, timeout=TIMEOUT)
    # The rest of its URL may be a secret.
    return http.call(replace(request, secret_path=True), timeout=TIMEOUT)


def _failure(text: str) -> Exchange:
    return Exchange(Request("NONE", ""), error=text)


def _judged(exchange: Exchange) -> str:
    """Why it did not arrive, in a sentence; "" if it did."""
    where, status = exchange.request.where, exchange.status
    if exchange.error:
        return exchange.error
    if status is None or 200 <= status < 300:
        return ""
    moved = " Redirects are not followed; change the URL." if status < 400 else ""
    return f"{where} answered {status}{exchange.said()}.{moved}"


def _retry_after(exchange: Exchange) -> float | None:
    said = exchange.headers.get("retry-after", "")
    return parse_retry_after(said, datetime.now(UTC)) if said else None
