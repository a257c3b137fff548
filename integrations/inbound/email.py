"""One mail: stored as it came, read, and made a draft; a person has the last word.

The mail and its order are one transaction. A Message-ID comes in once, whoever brings it again and
however many at the same moment: they meet at the unique constraint, and the later ones are shown
what the first one made.
"""

import logging
from dataclasses import dataclass, field
from datetime import date
from pathlib import PureWindowsPath
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.utils.timezone import localdate

from integrations.core import letter
from integrations.core.detection import detect
from integrations.core.errors import Problem
from integrations.core.letter import Letter, Notice
from integrations.models import Email, File, Integration, Level, Log
from integrations.models.email import EmailStatus
from otms.accounts.models import Platform
from otms.orders import saving
from otms.orders.models import Business, ConsignmentStatus, OrderStatus, TransportOrder
from otms.orders.serializers import TransportOrderSerializer

# Longer bodies are kept whole; no order begins behind so much text.
MOST_READ = 100_000
PURPOSE = "email"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attachment:
    name: str
    content: bytes


@dataclass(frozen=True)
class Mail:
    """What somebody brings."""

    sender: str  # as it is written
    address: str
    subject: str
    body: str
    to: list[str] = field(default_factory=list)
    message_id: str = ""
    in_reply_to: str = ""
    attachments: list[Attachment] = field(default_factory=list)


@dataclass(frozen=True)
class Received:
    email: Email
    known: bool = False  # it came in before, and nothing was done


@transaction.atomic
def receive(
    platform: Platform, integration: Integration | None, mail: Mail, received_by: str
) -> Received:
    """Store a mail and make of it what can be made."""
    stored = {
        "integration": integration,
        "sender": mail.sender,
        "address": mail.address,
        "recipients": mail.to,
        "subject": mail.subject,
        "body": mail.body,
        "in_reply_to": mail.in_reply_to,
        "received_by": received_by[:200],
    }
    if mail.message_id:
        email, new = Email.objects.get_or_create(
            platform=platform, message_id=mail.message_id, defaults=stored
        )
        if not new:
            return Received(email, known=True)
    else:
        email = Email.objects.create(platform=platform, **stored)
    _keep(email, mail.attachments)
    try:
        with transaction.atomic():
            _conclude(email)
    except (OperationalError, InterfaceError, IntegrityError):
        raise  # the database, not the mail: whoever brings it is told, and brings it again
    except Exception:  # a fault of our reading must not lose what somebody wrote
        log.exception("a mail could not be read", extra={"email": email.pk})
        email.refresh_from_db()
        text = "Something went wrong on our side while this was read: it is kept as it came."
        email.conclude(EmailStatus.REVIEW, warnings=_shown([Problem("body", "failed", text)]))
    if integration is not None:
        _tell(email, integration)
    return Received(email)


def _keep(email: Email, attachments: list[Attachment]) -> None:
    for each in attachments:
        found = detect(each.content)
        File.objects.create(
            platform_id=email.platform_id,
            integration_id=email.integration_id,
            email=email,
            original_name=_bare(each.name),
            purpose=PURPOSE,
            size=len(each.content),
            content=each.content,
            format=found.format,
            encoding=found.encoding or "",
            uploaded_by=email.received_by,
        )


def _bare(name: str) -> str:
    """A name is no path, on whatever system it was one, and has no sign that turns it around."""
    shown = "".join(filter(str.isprintable, PureWindowsPath(name).name))
    return shown.strip(". ")[-255:] or "attachment"


def _conclude(email: Email) -> None:
    """Read it, and decide: a draft, a person's eyes, or nothing."""
    text = letter.plain(email.body)
    email.text = "" if text == email.body else text
    warnings = _warnings(email)
    if letter.is_automatic(email.address, email.subject):
        text = "An automatic answer: nobody wrote it, and no order was made of it."
        email.conclude(
            EmailStatus.IGNORED, warnings=_shown([Problem("", "automatic", text), *warnings])
        )
        return
    thread = _thread(email)
    end = letter.end_of_new(text) if thread else len(text)
    found = letter.read(text[: min(end, MOST_READ)], email.subject, _day(email))
    if len(text) > MOST_READ:
        long = f"Only the first {MOST_READ} characters were read."
        warnings.append(Problem("body", "long", long))
    warnings += found.problems
    read = {"fields": _fields(found), "missing": found.missing, "score": f"{found.score:.2f}"}
    if thread:
        about = {"reply_to": thread, "transport_order_id": thread.transport_order_id}
        warnings.insert(0, _answers(thread))
        email.conclude(EmailStatus.REVIEW, **read, **about, warnings=_shown(warnings))
    elif found.useful:
        customer = _customer(email, warnings)
        order = _draft(email, found, customer)
        email.conclude(EmailStatus.DRAFT, **read, transport_order=order, warnings=_shown(warnings))
    elif text.strip() or email.attachments.exists():
        told = "Neither goods nor a place of pickup or delivery were found: no order was made."
        warnings.insert(0, Problem("", "nothing_found", told))
        email.conclude(EmailStatus.REVIEW, **read, warnings=_shown(warnings))
    else:
        warnings.insert(0, Problem("body", "empty", "The mail is empty: no order was made."))
        email.conclude(EmailStatus.IGNORED, **read, warnings=_shown(warnings))


def _warnings(email: Email) -> list[Problem]:
    found = []
    if not email.message_id:
        text = "This mail has no messageId: sent again, it is another mail."
        found.append(Problem("messageId", "no_message_id", text))
    if count := email.attachments.count():
        text = f"{count} attached: kept as files, and not read."
        found.append(Problem("attachments", "not_read", text))
    return found


def _day(email: Email) -> date:
    """Tomorrow is the day after the mail came in."""
    return localdate(email.created_at)


def _thread(email: Email) -> Email | None:
    """The mail of ours that it answers."""
    ids = [each.strip("<>") for each in email.in_reply_to.split()]
    known = Email.objects.of(email.platform_id).filter(
        message_id__in=[each for each in ids if each]
    )
    if email.integration_id:
        known = known.filter(integration=email.integration_id)
    return known.exclude(pk=email.pk).order_by("created_at", "id").first()


def _answers(thread: Email) -> Problem:
    made = (
        "of which an order was made" if thread.transport_order_id else "of which no order was made"
    )
    text = (
        f"This answers a mail of {thread.created_at:%Y-%m-%d}, {made}. Nothing was changed: a "
        "person has to look."
    )
    return Problem("inReplyTo", "reply", text)


def _customer(email: Email, warnings: list[Problem]) -> Business | None:
    """The business of the sender or, if it is unknown, of one whose mail was forwarded."""
    found = _businesses(email, email.address)
    if len(found) == 1:
        return found[0]
    for address in letter.writers(email.read_text[:MOST_READ]) if not found else ():
        known = _businesses(email, address)
        if len(known) == 1:
            text = (
                f"No business has {email.address} among its contactDetails. The mail says that it "
                f"was forwarded from {address}: the customer is {known[0]}."
            )
            warnings.append(Problem("from", "forwarded_sender", text))
            return known[0]
    text = f"No business has {email.address} among its contactDetails: the draft has no customer."
    code = "unknown_sender"
    if found:
        code, text = "ambiguous_sender", text.replace("No business has", f"{len(found)} have")
    warnings.append(Problem("from", code, text))
    return None


def _businesses(email: Email, address: str) -> list[Business]:
    """Those that have the address among their contact details."""
    # The rough look is the database's; it knows nothing of what stands inside a document.
    rough = Business.objects.of(email.platform_id).filter(contact_details__icontains=address)
    return [each for each in rough.order_by("created_at", "id") if _has(each, address)]


def _has(business: Business, address: str) -> bool:
    details = business.contact_details
    return any(
        isinstance(each, dict) and str(each.get("value", "")).strip().lower() == address
        for each in (details if isinstance(details, list) else ())
    )


def _draft(email: Email, found: Letter, customer: Business | None) -> TransportOrder:
    reader = TransportOrderSerializer(data=order_of(email, found, customer))
    reader.is_valid(raise_exception=True)
    return saving.create_order(email.platform, dict(reader.validated_data))


def order_of(email: Email, found: Letter, customer: Business | None) -> dict[str, Any]:
    """An order of what was found, to be looked at; its text is what the person wrote."""
    order = found.order()
    references = order.get("externalAttributes", {}).get("references", [])
    order |= {
        "status": OrderStatus.CONCEPT.value,
        "name": (references[0] if references else " ".join(email.subject.split()))[:255],
        "referenceDescription": ", ".join(references)[:500],
        "description": email.read_text[:10_000],
    }
    if customer is not None:
        order["customer"] = {"id": str(customer.pk)}
    for each in order.setdefault("consignments", []):
        each["status"] = ConsignmentStatus.CONCEPT.value
        for goods in each.get("goods", []):
            goods.setdefault("description", goods.get("packagingMaterial", ""))
    return order


def _fields(found: Letter) -> dict[str, Any]:
    return {
        path: {
            "value": each.value,
            "confidence": round(each.confidence, 2),
            "part": each.part,
            "span": list(each.span),
            "alternatives": [
                {"value": value, "confidence": round(sure, 2)} for value, sure in each.alternatives
            ],
        }
        for path, each in found.fields.items()
    }


def _shown(problems: list[Problem]) -> list[dict[str, Any]]:
    return [
        {"field": p.field, "code": p.code, "message": p.message}
        | ({"span": list(p.span)} if isinstance(p, Notice) else {})
        for p in problems
    ]


def _tell(email: Email, integration: Integration) -> None:
    """A line in the story of the integration."""
    Log.objects.create(
        platform_id=email.platform_id,
        integration=integration,
        level=Level.INFO,
        code="email_received",
        message=f"A mail from {email.address}: {email.status}.",
        data={"emailId": str(email.pk), "transportOrderId": str(email.transport_order_id or "")},
    )
