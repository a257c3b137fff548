"""Whatever a mapping says and whatever a document holds: a result within bounds, or an error in
words.

`make fuzz` takes more examples than the suite has time for. An example is one number; a failure
names it, and `Language(number)` makes it again.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from integrations.core import filters, mapping
from integrations.core.errors import ExpressionError, FilterError, MappingError, Problem
from integrations.core.scope import LARGEST_RESULT
from otms import documents
from otms.documents import DocumentError
from tests.fuzz.language import Language

MAPPINGS = int(os.environ.get("OTMS_FUZZ_MAPPINGS", "1500"))
PORTIONS = 20
CPU_SECONDS = 10.0  # what never ends takes more; the bounds of the language are far below
LONGEST_MESSAGE = 4_000


class Endless(BaseException):
    """It would have gone on."""


@contextmanager
def ending() -> Iterator[None]:
    """Interrupt what takes more time of the processor than anything may."""

    def interrupt(*args: Any) -> None:
        raise Endless

    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@pytest.mark.parametrize("portion", range(PORTIONS))
def test_no_mapping_and_no_document_runs_away(
    portion: int, tried: Callable[[str, float], None]
) -> None:
    for number in range(portion, MAPPINGS, PORTIONS):
        began = time.process_time()
        try:
            with ending():
                outcome = _tried(Language(number))
        except BaseException as fault:
            fault.add_note(f"made by Language({number})")
            raise
        tried(outcome, time.process_time() - began)


def _tried(made: Language) -> str:
    try:
        document = documents.loads(made.document(), most=documents.MOST_VALUES)
        written, conditions = (documents.loads(each()) for each in (made.mapping, made.filters))
    except DocumentError as error:
        _is_told(str(error))
        return "not read"
    before = documents.dumps(document)
    outcome = _mapped(written, document, explain=made.random() < 0.3)
    judged = _judged(conditions, document)
    assert documents.dumps(document) == before, "the document was changed"
    return f"{outcome}, filters {judged}"


def _mapped(written: Any, document: Any, *, explain: bool) -> str:
    if problems := mapping.check(written):
        _are_told(problems)
        with pytest.raises(MappingError):
            mapping.compile(written)
        return "refused"
    compiled = mapping.compile(written)
    try:
        result = compiled.apply(document, explain=explain)
    except MappingError as error:
        _is_an_error(error)
        return "an error"
    body = documents.dumps(result.value)
    assert len(body) <= LARGEST_RESULT
    assert documents.bounded(result.value) is result.value
    json.loads(body, parse_int=str, parse_float=str, parse_constant=pytest.fail)
    for warning in result.warnings:
        _is_told(warning.message)
    assert documents.dumps(compiled.apply(document).value) == body, "not the same twice"
    return "mapped"


def _judged(written: Any, document: Any) -> str:
    if problems := filters.check(written):
        _are_told(problems)
        with pytest.raises(FilterError):
            filters.compile(written)
        return "refused"
    try:
        verdict = filters.compile(written).evaluate(document)
    except FilterError as error:
        _is_an_error(error)
        return "an error"
    assert 0 < len(verdict.reason) <= filters.LONGEST_REASON
    for leaf in verdict.trace:
        assert len(documents.dumps(leaf)) <= LARGEST_RESULT
    return "judged"


def _are_told(problems: list[Problem]) -> None:
    for problem in problems:
        assert problem.code.isidentifier()
        _is_told(problem.message)


def _is_an_error(error: ExpressionError) -> None:
    assert error.expression or not error.target
    _is_told(error.said)


def _is_told(message: str) -> None:
    """A sentence, and short enough to be read."""
    assert message.strip()
    assert len(message) <= LONGEST_MESSAGE
    assert message.rstrip("`").endswith((".", "?", "…")), message
