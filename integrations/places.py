"""Where what people wrote may stand: what is kept about deliveries, and the records themselves."""

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import override

from integrations import entities
from integrations.models import (
    Alert,
    AlertRecipient,
    Email,
    EntityChange,
    ExternalId,
    File,
    Gate,
    ImportRow,
    IntegrationObject,
    Log,
    Notice,
    RemoteRecord,
    Replay,
    RequestLog,
)
from otms.accounts import audit
from otms.db.fields import DocumentField
from otms.orders.models import TransportOrder


@dataclass(frozen=True)
class Place:
    """A kind of row, and its columns that may hold what people wrote."""

    model: Any
    name: str
    texts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()  # documents of which the keys are ours, and stay
    batch: int | None = None  # rows that are read together, where they are large
    unique: str = ""  # a column that no two rows share
    of: str = "platform"  # what leads to its platform
    busy: bool = False  # workers write it at any moment: it is read again, locked, to be changed
    # Of a record that people edit: what belongs to it, each with the column that leads to it.
    parts: tuple[tuple["Place", str], ...] | None = None

    @property
    def kind(self) -> str:
        return audit.kind(self.model)


def _record(key: str) -> Place:
    """An order, business or event, with all that belongs to it."""
    entity = entities.load(key)
    parts = [(_written(model), lookup) for model, lookup in entity.parts.items()]
    parts.append((Place(RemoteRecord, "remote records", ("remote_id",)), "entity_id"))
    if entity.root is TransportOrder:
        parts.append((Place(ExternalId, "external ids", ("external_id",)), "entity_id"))
    return _written(entity.root, tuple(parts))


def _written(model: Any, parts: tuple[tuple[Place, str], ...] | None = None) -> Place:
    columns = [each for each in model._meta.concrete_fields if not each.choices]
    documents = [each.name for each in columns if isinstance(each, DocumentField)]
    texts = [each.name for each in columns if isinstance(each, models.CharField | models.TextField)]
    texts = [name for name in texts if name not in documents]
    with override("en"):  # whoever looked first
        name = str(model._meta.verbose_name_plural)
    return Place(
        model,
        name,
        tuple(texts),
        tuple(documents),
        batch=50,
        parts=parts,
    )


KEPT = (
    Place(EntityChange, "changes", ("reference",), ("before", "after")),
    Place(
        IntegrationObject,
        "objects of the queue",
        ("reference", "error", "reason", "external_id"),
        ("answers",),
    ),
    Place(
        RequestLog,
        "request logs",
        ("url", "request_body", "response_body", "error"),
        ("request_headers", "response_headers"),
    ),
    # Before what is written of it.
    Place(
        Gate,
        "targets in trouble",
        ("pause_reason",),
        ours=("troubles",),
        of="integration__platform",
        busy=True,
    ),
    Place(Log, "logs", ("message",), ("data",)),
    Place(
        Email,
        "mails",
        ("sender", "address", "subject", "body", "text", "message_id", "in_reply_to"),
        ("recipients",),
        unique="message_id",
    ),
    Place(ImportRow, "rows of imports", ("external_id",), ("row", "errors", "warnings")),
    Place(File, "files", ("original_name",), batch=5),
    Place(ExternalId, "external ids", ("external_id",), unique="external_id"),
    Place(RemoteRecord, "remote records", ("remote_id",)),
    Place(Alert, "alerts", ("message",)),
    Place(Notice, "notices of alerts", ("to", "error")),
    Place(Replay, "replays", documents=("chosen",)),
)
RECORDS = (
    *(_record(key) for key in entities.known()),
    Place(AlertRecipient, "recipients of alerts", ("name", "email", "url"), parts=()),
)
PLACES = (*KEPT, *RECORDS)
