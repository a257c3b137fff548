"""A new signing secret for a data source; for a while the one before it signs too."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.timezone import now
from rest_framework import serializers

from integrations import data_source
from integrations.connectors import base
from integrations.core import signing
from integrations.core.errors import Problem
from integrations.definition import Invalid, Owned
from integrations.models import DataSource, Integration
from otms.accounts import audit
from otms.db.sealing import UNREADABLE
from otms.documents import timestamp


class NewSecret(NamedTuple):
    """A signing secret that was made, and until when another was to sign that signs no more."""

    source: DataSource
    secret: str
    cut: datetime | None


def renew(
    integration: Integration, source_id: Any, *, scheme: str = "v1", keep: timedelta | None = None
) -> NewSecret:
    """Give a data source a new signing secret; for a while the one before it signs too.

    The secret is given back, to be shown this once, and until when the one before the last should
    have signed, which it does no more.
    """
    with transaction.atomic():
        integration.hold()
        if integration.kept_by:
            raise Owned(integration.kept_by)
        source = integration.data_sources.filter(pk=source_id).first()
        if source is None:
            text = "This integration has no such data source."
            raise Invalid([Problem("dataSourceId", "unknown", text)])
        if not source.signs:
            text = f"Nothing is signed by the connector {source.connector}."
            raise Invalid([Problem("dataSourceId", "not_signed", text)])
        if not source.secrets.are_readable:
            text = f"The secrets of this data source {UNREADABLE}"
            raise Invalid([Problem("dataSourceId", "secrets_unreadable", text)])
        made, before = signing.new_secret(scheme), source.secrets.get("secret")
        cut = overlap(source)
        settings, _ = base.parted(source.settings or {}, ["previousSecretUntil"])
        others, _ = base.parted(source.secrets, ["previousSecret"])
        if keep and before:
            settings["previousSecretUntil"] = timestamp(now() + keep)
            others["previousSecret"] = before
        source.settings, source.secrets = settings, {**others, "secret": made}
        source.save()
        integration.touch()
        text = f"Of the data source {source}."
        if cut:
            text += f" {cut_short(cut)}"
        audit.record("generate:integration:signingSecret", integration, note=text)
    return NewSecret(source, made, cut)


def overlap(source: DataSource) -> datetime | None:
    """Until when its previous signing secret signs too; None if none does."""
    until = (source.settings or {}).get("previousSecretUntil")
    if not until or "previousSecret" not in data_source.held(source):
        return None
    end: datetime = serializers.DateTimeField().to_internal_value(until)
    return end if end > now() else None


def cut_short(cut: datetime) -> str:
    """That a promise was not kept, for who was given it."""
    return (
        f"The secret before the last was to sign until {cut:%Y-%m-%d %H:%M} UTC and signs no more: "
        "receivers that know no newer one refuse what is sent."
    )
