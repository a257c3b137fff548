"""What `manage.py check` says about settings that would be wrong in silence."""

from ipaddress import ip_network
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from integrations import store
from integrations.connectors import email
from integrations.core.errors import MappingError
from otms import env
from otms.accounts.permissions import catalogue
from otms.db import rotation


@register()
def check_names(**_: Any) -> list[CheckMessage]:
    """A variable with a slip in its name would leave the default, in silence."""
    return [
        checks.Warning(f"{name} means nothing.", hint=f"Did you mean {meant}?", id="otms.W002")
        for name, meant in env.misspelt().items()
    ]


@register()
def check_egress_allow(**_: Any) -> list[CheckMessage]:
    """A mistyped network would be taken for a host name and allow nothing."""
    found: list[CheckMessage] = []
    for entry in settings.OTMS_EGRESS_ALLOW:
        try:
            if "/" in entry:
                ip_network(entry, strict=False)
        except ValueError as error:
            text = f"OTMS_EGRESS_ALLOW has {entry!r}, which is no network: {error}."
            found.append(Error(text, hint="Write 10.1.0.0/16 or a host name.", id="otms.E001"))
    return found


@register()
def check_operator_emails(**_: Any) -> list[CheckMessage]:
    """A mistyped address would only be noticed when somebody should have been told."""
    try:
        email.addresses(settings.OTMS_OPERATOR_EMAILS, "OTMS_OPERATOR_EMAILS")
    except MappingError as error:
        hint = "Write ops@example.com,night@example.com"
        return [Error(f"OTMS_OPERATOR_EMAILS: {error.said}", hint=hint, id="otms.E004")]
    return []


@register()
def check_encryption_keys(**_: Any) -> list[CheckMessage]:
    """A key of the wrong form would only be noticed when the first secret is saved."""
    make = "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"
    hint = f"Make one with: python -c '{make}'"
    found: list[CheckMessage] = []
    for place, key in enumerate(settings.OTMS_ENCRYPTION_KEYS):
        try:
            Fernet(key)
        except ValueError:
            text = f"Entry {place + 1} of OTMS_ENCRYPTION_KEYS is no Fernet key."
            found.append(Error(text, hint=hint, id="otms.E002"))
    return found


@register(Tags.database)
def check_secrets_are_readable(databases: Any = None, **_: Any) -> list[CheckMessage]:
    """With a wrong key everything starts, and fails where the first secret is needed."""
    hint = "Add the key they were written with: docs/how-to/rotate-keys.md"
    found = rotation.lost() if databases else ()
    return [checks.Warning(text, hint=hint, id="otms.W001") for text in found]


@register()
def check_store(**_: Any) -> list[CheckMessage]:
    """A manifest that can't be read would only be noticed by who opens the App Store."""
    found: list[CheckMessage] = []
    for key in store.known():
        try:
            app = store.find(key)
            unknown = set(app.permissions if app else ()) - catalogue()
            said = [f"{key}.yaml: there is no permission {each!r}." for each in sorted(unknown)]
        except store.Broken as error:
            said = [str(error)]
        found += [Error(text, hint="docs/how-to/add-an-app.md", id="otms.E003") for text in said]
    return found
