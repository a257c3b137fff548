"""What filters and a mapping make of one document, while somebody writes them: nothing is sent.

Each text is looked at by itself, so that a slip in one does not hide what the others say.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any
from uuid import UUID

from integrations import entities, story, trial
from integrations.core import filters, mapping, paths
from integrations.core.errors import ExpressionError, Problem
from integrations.core.filters import Verdict
from integrations.core.lines import Lines, line_of
from integrations.core.mapping import ALIKE
from integrations.models import (
    DataSource,
    Integration,
    IntegrationObject,
    IntegrationVersion,
    Use,
)
from integrations.plan import compiled, recall
from otms import documents
from otms.accounts import difference

MOST_SAMPLES = 10
MOST_VERSIONS = 21  # each is told by what the next one changed
MOST_HINTS = 20  # looking for what was meant takes time; nobody reads more


@dataclass(frozen=True)
class Mark:
    """Something to mend in a text, or to look at, with its line from 1.

    `meant` is what was probably meant by the path that is `written` there.
    """

    line: int
    message: str
    is_error: bool = True
    written: str = ""
    meant: str = ""


MOST_MARKS = 100


@dataclass(frozen=True)
class Judged:
    """A text of filters: what is to be mended, else their verdict on the document."""

    marks: list[Mark] = field(default_factory=list)
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Mapped:
    """A text of a mapping: what is to be mended or looked at, and what it made, as JSON."""

    marks: list[Mark] = field(default_factory=list)
    made: str = ""


class Unread(Exception):
    """A text that is no JSON; the mark says where."""

    def __init__(self, mark: Mark) -> None:
        super().__init__(mark.message)
        self.mark = mark


def read(text: str) -> Any:
    """What the text says, None if it is empty; Unread if it is no JSON."""
    if not text.strip():
        return None
    try:
        return documents.loads(text, most=documents.MOST_VALUES)
    except documents.NotJson as error:
        raise Unread(Mark(error.line, error.said)) from None
    except documents.DuplicateKey as error:
        raise Unread(Mark(Lines(text).second(error.key), str(error))) from None
    except documents.DocumentError as error:
        raise Unread(Mark(1, str(error))) from None


def judged(text: str, document: Any) -> Judged:
    """What these filters say of the document."""
    try:
        given = read(text)
        if problems := filters.check(given):
            return Judged(_marks(text, problems))
        verdict = filters.evaluate(given or [], document)
        return Judged(list(_misspelt(text, given or [], document)), verdict)
    except Unread as error:
        return Judged([error.mark])
    except ExpressionError as error:
        return Judged([Mark(line_of(text, error.target, error.expression), error.said)])


def _misspelt(text: str, given: list[Any], document: Any) -> Iterator[Mark]:
    """Paths of filters that find nothing, and look like another that would."""
    lines = Lines(text)
    for place, path in islice(filters.fields(given), MOST_HINTS):
        with suppress(ValueError):  # what is too much work the verdict has told
            if not paths.compile(path).find(document) and (
                near := paths.nearest(path, document, least=ALIKE)
            ):
                said = f"`{path}` finds nothing in this document. Did you mean `{near}`?"
                written = path if json.dumps(path) in text else path.removeprefix("$.")
                yield Mark(lines.of(place, path), said, False, written, near)


def mapped(text: str, document: Any) -> Mapped:
    """What this mapping makes of the document; without one, all of it is sent as it is."""
    try:
        given = read(text)
        if given is None:
            return Mapped(made=documents.pretty(document))
        if problems := mapping.check(given):
            return Mapped(_marks(text, problems))
        result = mapping.compile(given).apply(document, explain=True)
    except Unread as error:
        return Mapped([error.mark])
    except ExpressionError as error:
        return Mapped([Mark(line_of(text, error.target, error.expression), str(error))])
    lines, told = Lines(text), result.warnings[:MOST_MARKS]
    marks = [
        Mark(lines.of(each.target, each.path), each.message, False, each.path, each.meant)
        for each in told
    ]
    if more := len(result.warnings) - len(told):
        marks.append(Mark(1, f"And {more} more like these.", False))
    if result.value in ({}, []):
        marks.append(Mark(1, "Nothing is in it: an empty document would be sent.", False))
    return Mapped(marks, documents.pretty(result.value))


def _marks(text: str, problems: list[Problem]) -> list[Mark]:
    lines, told = Lines(text), problems[:MOST_MARKS]
    marks = [
        Mark(
            lines.of(each.field, each.written),
            f"`{each.field}`: {each.message}".removeprefix("``: "),
            written=each.written,
            meant=each.meant,
        )
        for each in told
    ]
    if more := len(problems) - len(told):
        marks.append(Mark(1, f"And {more} more."))
    return marks


# The documents to look at.


def newest(integration: Integration) -> list[Any]:
    """The records of its entity that came last: 10 at most."""
    known = entities.load(integration.trigger_entity).root._default_manager
    found = known.of(integration.platform_id).order_by("-created_at", "id")
    return list(found[:MOST_SAMPLES])


def document(integration: Integration, record: UUID, place: int) -> dict[str, Any] | None:
    """What the data source in this place would see of the record as it is now; None if it is gone.

    What the steps before it were answered is taken from the last delivery of that record.
    """
    change = trial.change_of(integration, record)
    if change is None:
        return None
    obj = trial.object_of(integration, change, place)
    obj.answers = _answers(integration, record)
    recall([(obj, compiled(integration))])
    return obj.document


def _answers(integration: Integration, record: UUID) -> dict[str, Any]:
    """What steps that enrich were answered last about this record, as far as the log tells."""
    asking = {
        each.pk: each.name for each in integration.data_sources.all() if each.use == Use.ENRICH
    }
    known = IntegrationObject.objects.of(integration.platform_id).filter(entity_id=record)
    last = known.filter(integration=integration).order_by("-pk").first() if asking else None
    found: dict[str, Any] = {}
    for exchange in reversed(story.attempts(last) if last else []):
        if exchange.data_source_id in asking and exchange.response_body:
            with suppress(documents.DocumentError):
                found[asking[exchange.data_source_id]] = documents.loads(exchange.response_body)
    return found


# What was said before.


def known(integration: Integration, source: DataSource) -> list[IntegrationVersion]:
    """The versions that had this step, the newest first: 21 at most."""
    every = IntegrationVersion.objects.of(integration.platform_id).filter(integration=integration)
    return [each for each in every[:MOST_VERSIONS] if str(source.pk) in each.mappings]


def said_in(version: IntegrationVersion, source: DataSource) -> dict[str, Any]:
    """The mapping and the filters that a step had in a version, and the integration's filters."""
    id = str(source.pk)
    return {
        "mapping": version.mappings[id],
        "filters": version.filters,
        "conditions": (version.conditions or {}).get(id),
    }


def versions(integration: Integration, source: DataSource) -> list[dict[str, Any]]:
    """The versions before this one, each with what the next one changed, as the audit trail has
    it."""
    shown = []
    for since, version in pairwise(known(integration, source)):
        then, now = (said_in(each, source) for each in (version, since))
        shown.append(
            {"version": version, "changes": difference.rows(difference.changes(then, now))}
        )
    return shown
