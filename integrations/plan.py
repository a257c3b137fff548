"""One version of an integration, compiled once and used for every change."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import Error

from integrations import connectors
from integrations.connectors.base import Connector
from integrations.core import filters, mapping, paths
from integrations.core.delivery import DeliveryPolicy
from integrations.core.filters import Filters
from integrations.core.mapping import Mapping
from integrations.core.redaction import Redaction
from integrations.core.trouble import Kind, Report
from integrations.models import (
    DataSource,
    Integration,
    IntegrationObject,
    IntegrationVersion,
    RemoteRecord,
)
from otms.db.text import Text

log = logging.getLogger(__name__)

VERSIONS = Text("SELECT id, version FROM integrations_integration WHERE id IN %(ids)s")


@dataclass(frozen=True)
class Step:
    """A data source, compiled."""

    source: DataSource
    connector: Connector
    filters: Filters | None
    mapping: Mapping | None
    success: frozenset[int] | None
    answer: Filters | None  # what holds in an answer of success
    looks_inside: bool = False  # has it to be JSON for that?
    remember: paths.Path | None = None  # where it says what the target calls the record

    @property
    def reads(self) -> bool:
        """Is it looked up in the answer what it means?"""
        return bool(self.answer or self.remember)

    def accepts(self, status: int) -> bool:
        return status in self.success if self.success else 200 <= status < 300


@dataclass(frozen=True)
class Plan:
    """One version of an integration, compiled once and used for every change."""

    name: str
    version: int
    filters: Filters | None
    steps: list[Step]
    policy: DeliveryPolicy
    broken: str = ""  # why it can't be compiled, though it was checked when it was saved
    deleted: bool = False
    redaction: Redaction = field(default_factory=lambda: Redaction(()))

    def report(self, step: Step, kind: Kind, reason: str = "", wait: float | None = None) -> Report:
        """What is told of the target of this step."""
        return Report(step.source.pk, str(step.source), kind, reason, wait)


class Plans:
    """The plans of this worker, by integration; a new version replaces the old one.

    Beside it stand the plans of what began with an older one: as it is now, but with the filters
    and mappings of then. They are forgotten with it.
    """

    def __init__(self) -> None:
        self._plans: dict[Any, dict[int | None, Plan]] = {}

    def refresh(self, objects: Iterable[IntegrationObject]) -> None:
        """Compile what these need and is not there yet; no query when all of it is.

        That is asked of those that were not claimed: who claims is told the newest version.
        """
        needed: dict[Any, set[int | None]] = defaultdict(set)
        newest: dict[Any, int | None] = {}
        for obj in objects:
            needed[obj.integration_id].add(obj.version)
            newest[obj.integration_id] = obj.newest_version
        everywhere = Integration.objects.across_platforms()
        unknown = [id for id, version in newest.items() if version is None]
        for row, version in VERSIONS.rows(everywhere.db, ids=unknown) if unknown else []:
            newest[UUID(str(row))] = version
        for id, version in newest.items():
            known = self._plans.get(id, {})
            if None not in known or known[None].version != version:
                known = self._plans[id] = {None: compiled(everywhere.get(pk=id))}
            for older in needed[id] - known.keys():
                known[older] = _as_of(older, id, known[None])

    def recall(self, objects: Iterable[IntegrationObject]) -> None:
        """Give these what their targets call them: one query, and none where nobody remembers."""
        recall([(obj, self[obj]) for obj in objects])

    def __getitem__(self, obj: IntegrationObject) -> Plan:
        return self._plans[obj.integration_id][obj.version]


def recall(planned: Iterable[tuple[IntegrationObject, Plan]]) -> None:
    """Give these objects what their targets call them, by the names of the data sources."""
    remembering = [(obj, plan) for obj, plan in planned if any(s.remember for s in plan.steps)]
    if not remembering:
        return
    everywhere = RemoteRecord.objects.across_platforms()
    known = {
        (each.data_source_id, each.entity, each.entity_id): each.remote_id
        for each in everywhere.of_objects(obj for obj, _ in remembering)
    }
    for obj, plan in remembering:
        obj.remote, obj.remote_ids = {}, {}
        for source in (step.source for step in plan.steps if step.remember):
            if id := known.get((source.pk, obj.entity, obj.entity_id)):
                obj.remote[source.name] = obj.remote_ids[source.pk] = id


def _as_of(version: int | None, id: Any, plan: Plan) -> Plan:
    """The plan with the filters and mappings of a version, if they were others than now."""
    if version is None or version >= plan.version:
        return plan
    kept = IntegrationVersion.objects.across_platforms().filter(integration=id)
    then, newest = kept.filter(number__lte=version).first(), kept.first()
    if then is None or then == newest:
        return plan
    integration = Integration.objects.across_platforms().get(pk=id)
    integration.filters = then.filters
    sources = list(integration.data_sources.all())
    for source in sources:
        source.mapping = then.mappings.get(str(source.pk), source.mapping)
        if str(source.pk) in then.mappings:
            source.filters = (then.conditions or {}).get(str(source.pk))
    return compiled(integration, sources)


def compiled(integration: Integration, sources: Sequence[DataSource] | None = None) -> Plan:
    """The plan; one integration that can't be compiled fails its own objects and no others."""
    steps, compiled, broken, policy = [], None, "", DeliveryPolicy.of(None)
    redaction = Redaction(())
    try:
        policy = integration.policy
        compiled = filters.compile(integration.filters) if integration.filters else None
        redaction = Redaction(integration.redact)
        steps = [_step(source) for source in sources or integration.data_sources.all()]
    except Error:
        raise
    except Exception as error:  # whatever is stored, the others must go on
        log.exception("an integration can't be used", extra={"integration": integration.pk})
        broken = f"The integration can't be used as it is stored: {error}"
    return Plan(
        name=integration.name,
        version=integration.version,
        filters=compiled,
        steps=steps,
        policy=policy,
        broken=broken,
        deleted=integration.deleted_at is not None,
        redaction=redaction,
    )


def _step(source: DataSource) -> Step:
    success = source.success or {}
    return Step(
        source=source,
        connector=connectors.load(source.connector)(source.settings or {}, source.secrets),
        filters=filters.compile(source.filters) if source.filters else None,
        mapping=mapping.compile(source.mapping) if source.mapping is not None else None,
        success=frozenset(success["status"]) if "status" in success else None,
        answer=filters.compile(success["body"]) if "body" in success else None,
        looks_inside=any(path != "$" for _, path in filters.fields(success.get("body"))),
        remember=paths.compile(source.remember) if source.remember else None,
    )
