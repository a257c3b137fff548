"""Recipients of alerts are saved, checked and deleted, with the audit trail."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.db import transaction

from integrations import connectors, egress
from integrations.connectors import base, email
from integrations.core.errors import MappingError, Problem
from integrations.core.spellings import MASK
from integrations.definition import Invalid
from integrations.http import redact_url
from integrations.models import AlertRecipient, Integration
from otms.accounts import audit, difference
from otms.accounts.models import Platform
from otms.db.sealing import UNREADABLE

MOST = 100  # recipients of a platform
OWN = ("id", "name", "integration", "email", "url", "enabled")
ONE_WAY = "Write an `email` or a `url`, one of them: each recipient is told in one way."


def save(
    platform: Platform, given: dict[str, Any], recipient: AlertRecipient | None = None
) -> AlertRecipient:
    """Make a recipient of what was given, or change this one; Invalid names each problem.

    Who is given one of the two ways to be told is told in the other no more. A secret that is not
    given stays, as long as the URL leads to the same place.
    """
    recipient = recipient or AlertRecipient(platform=platform)
    adding, before = recipient._state.adding, _audited(recipient)
    checked(given, recipient)
    changes = difference.changes(before, _audited(recipient))
    if adding or changes:
        with transaction.atomic():
            recipient.save()
            action = "create:alertRecipient" if adding else "update:alertRecipient"
            audit.record(action, recipient, changes)
    return recipient


def checked(given: dict[str, Any], recipient: AlertRecipient) -> AlertRecipient:
    """The recipient with what was given, nothing of it written yet; Invalid names each problem."""
    was = recipient.url
    fields = {name: given[name] for name in OWN if name in given}
    if fields.get("email") and "url" not in fields:
        fields["url"] = ""
    elif fields.get("url") and "email" not in fields:
        fields["email"] = ""
    for name, value in fields.items():
        setattr(recipient, name, value)
    problems = [*_secret_problems(recipient, given, was), *_problems(recipient)]
    others = AlertRecipient.objects.of(recipient.platform_id)
    if recipient._state.adding and others.count() >= MOST:
        text = f"A platform has at most {MOST} recipients of alerts; delete one first."
        problems.append(Problem("", "too_many", text))
    if problems:
        raise Invalid(problems)
    return recipient


@transaction.atomic
def delete(recipient: AlertRecipient) -> None:
    """What is not sent to it yet is left out; what was sent can still be read."""
    audit.record("delete:alertRecipient", recipient, difference.changes(_audited(recipient), {}))
    recipient.delete()


def warnings(recipient: AlertRecipient) -> Iterator[Problem]:
    """What may be saved, and will probably not work or is not good; it resolves host names."""
    if recipient.email:
        yield from connectors.load("email").warnings({})
    elif recipient.secrets.are_readable:
        yield from connectors.load("webhook").warnings({"url": recipient.url}, recipient.secrets)


def signs(recipient: AlertRecipient) -> bool:
    """Is what it gets signed, as far as anybody knows?"""
    return bool(recipient.url) and (
        not recipient.secrets.are_readable or bool(recipient.secrets.get("secret"))
    )


def looked_up(url: Any) -> None:
    """Resolve the host of a URL; what is wrong with it is said where it is checked."""
    with suppress(ValueError, OSError):
        egress.check_url(str(url).strip())


def known_integration(platform: Platform, id: Any) -> Integration | None:
    """The integration that was named, or none for all; Invalid when there is no such."""
    if id is None:
        return None
    if found := Integration.objects.of(platform).living().filter(pk=id).first():
        return found
    text = f"There is no integration with the id {id}; leave it out for all of the platform."
    raise Invalid([Problem("integrationId", "unknown", text)])


def _secret_problems(
    recipient: AlertRecipient, given: dict[str, Any], was: str
) -> Iterator[Problem]:
    """Put the signing secret in its place, or say why it can't be."""
    readable = recipient.secrets.are_readable
    held = recipient.secrets.get("secret") if readable else None
    typed = given.get("secret", MASK)
    moved = was != "" and base.origin(recipient.url) != base.origin(was)
    if typed not in (MASK, None, ""):
        recipient.secrets = {"secret": typed}
    elif typed != MASK or not recipient.url:
        recipient.secrets = {}
    elif not readable:
        text = f"The stored secret {UNREADABLE} Or type it again; null sends without."
        yield Problem("secret", "secrets_unreadable", text)
    elif held and moved:
        text = "The URL leads to another place now: type the secret again; null sends without."
        yield Problem("secret", "secret_bound", text)
    elif not held and "secret" in given:
        text = f"{MASK} stands for a stored secret, and there is none: type it, or leave it out."
        yield Problem("secret", "secret_missing", text)


def _problems(recipient: AlertRecipient) -> Iterator[Problem]:
    secrets = recipient.secrets if recipient.secrets.are_readable else {}
    if bool(recipient.email) == bool(recipient.url):
        yield Problem("email", "one_way", ONE_WAY)
    elif recipient.url:
        yield from connectors.load("webhook").problems({"url": recipient.url}, secrets)
    else:
        yield from _email_problems(recipient.email)
        if recipient.enabled and not settings.EMAIL_HOST:
            text = f"{email.NO_SERVER} Until then nobody is told by mail: write a `url`."
            yield Problem("email", "no_mail_server", text)
        if secrets:
            yield Problem("secret", "not_signed", "A mail is not signed: leave the secret out.")


def _email_problems(text: str) -> Iterator[Problem]:
    try:
        found = email.addresses(text, "email")
    except MappingError as error:
        yield Problem("email", "invalid", error.said)
        return
    if [each.addr_spec for each in found] != [text]:
        yield Problem("email", "invalid", "Write one address and nothing else: ann@example.com.")


def _audited(recipient: AlertRecipient) -> dict[str, Any]:
    """What the audit trail compares; of a mailbox only that it is another now."""
    if recipient._state.adding and not (recipient.email or recipient.url):
        return {}
    return {
        "name": recipient.name,
        "integration": str(recipient.integration) if recipient.integration else None,
        "email": difference.Secret(recipient.email) if recipient.email else None,
        "url": redact_url(recipient.url) if recipient.url else None,
        "enabled": recipient.enabled,
        **difference.hidden(recipient.secrets),
    }
