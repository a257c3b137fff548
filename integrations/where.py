"""Where is it? What somebody may have in their hands of a record, and the record that is meant.

A number, a name, an id of ours or of the target's, what a delivery was called, whose it is: each
whole, as it is written, because that is what an index answers at any size. Where nothing is called
so, a part of a name is looked for, in small letters and capitals alike, among the newest records.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from integrations import entities, explain
from integrations.models import IntegrationObject, RemoteRecord
from otms.db import names, newest

MOST = 20
SHORTEST = 3  # characters of a part: fewer are in everything


@dataclass(frozen=True)
class Found:
    """A record, which may be deleted by now, and how it was found, in words."""

    entity: str
    id: UUID
    how: str


def find(platform_id: Any, asked: str, seen: Iterable[str] = ()) -> list[Found]:
    """The records that may be meant, the likeliest first: 20 at most, each once.

    A part of a name is looked for in the kinds of records that are `seen`, which this person may
    look through.
    """
    if names.is_none(asked):
        return []
    found: dict[tuple[str, UUID], Found] = {}
    for look in (_by_id, _by_what_it_is_called, _by_remote_id, _by_whose_it_is):
        for each in look(platform_id, asked):
            found.setdefault((each.entity, each.id), each)
    if not found:
        return list(_by_a_part(platform_id, asked, seen))[:MOST]
    return list(found.values())[:MOST]


def _by_id(platform_id: Any, asked: str) -> Iterator[Found]:
    with suppress(ValueError):
        id = UUID(asked)
        for key in entities.known():
            if entities.load(key).root._default_manager.of(platform_id).filter(pk=id).exists():
                yield Found(key, id, _("by its id"))
        queued = IntegrationObject.objects.of(platform_id)
        for name, how in (("uuid", _("by the id of a delivery")), ("entity_id", _("by its id"))):
            newest = queued.filter(**{name: id}).order_by("-pk")
            for entity, record in newest.values_list("entity", "entity_id")[:1]:
                yield Found(entity, record, how)


def _by_what_it_is_called(platform_id: Any, asked: str) -> Iterator[Found]:
    for key in entities.known():
        for id in explain.find(platform_id, key, asked):
            yield Found(key, id, _("by its name or number"))


def _by_remote_id(platform_id: Any, asked: str) -> Iterator[Found]:
    known = RemoteRecord.objects.of(platform_id).filter(remote_id=asked).order_by("-pk")
    for each in known.select_related("data_source")[:MOST]:
        yield Found(
            each.entity, each.entity_id, _("by what {name} calls it").format(name=each.data_source)
        )


def _by_whose_it_is(platform_id: Any, asked: str) -> Iterator[Found]:
    for key in entities.known():
        kind = entities.load(key)
        for whose in kind.belonging_to(asked):
            records = kind.root._default_manager.of(platform_id).filter(whose)
            for id in records.order_by("-created_at").values_list("pk", flat=True)[:MOST]:
                yield Found(key, id, _("belongs to {whose}").format(whose=asked))


def _by_a_part(platform_id: Any, asked: str, seen: Iterable[str]) -> Iterator[Found]:
    for key in seen:
        kind = entities.load(key)
        if len(asked) < SHORTEST or (part := kind.resembling(asked)) is None:
            continue
        records = kind.root._default_manager.of(platform_id)
        found = records.filter(part, newest.among(records)).order_by("-created_at", "id")
        for id in found.values_list("pk", flat=True)[:MOST]:
            yield Found(key, id, _("has {part} in a name or number").format(part=asked))
