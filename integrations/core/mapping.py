"""Turn a document of ours into the document a partner expects.

A mapping is data: `{"erp_id": "$.transportOrder.id", "source": "TMS"}`. It is compiled once, into
functions that read paths and build the result, and then applied to document after document.
"""

from collections.abc import Mapping as Object
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from integrations.core import paths
from integrations.core import scope as steps
from integrations.core.compiler import Compiler
from integrations.core.errors import MappingError, Problem, too_large
from integrations.core.scope import (
    MISSING,
    EmptyWarning,
    LoopWarning,
    MappingWarning,
    Scope,
    Step,
    TextWarning,
)
from integrations.core.work import Work
from otms import documents
from otms.documents import DEPTH, shorten

# The search for what was meant is slow; nobody reads more hints than this.
EXPLAINED = 10
# What is expected to be missing now and then is told only if it is nearly another path.
ALIKE = 0.88


@dataclass(frozen=True)
class Result:
    """What a mapping made of a document, and what it had to leave out."""

    value: Any
    warnings: list[MappingWarning] = field(default_factory=list)


@dataclass(frozen=True)
class Mapping:
    """A compiled mapping, good for any number of documents and threads."""

    source: Any
    _step: Step
    _texts: tuple[tuple[str, str], ...] = ()
    _paths: tuple[tuple[str, str], ...] = ()
    _loops: tuple[tuple[str, str], ...] = ()

    def apply(self, document: Any, *, explain: bool = False) -> Result:
        """Map a document; to explain is to look for the paths that were probably meant."""
        scope = Scope(document)
        value = self._step(scope)
        if value is MISSING:
            path = scope.warnings[-1].path if scope.warnings else shorten(self.source)
            raise MappingError("", path, f"`{path}` is not in the document: nothing to send.")
        _refuse_unbounded(value)
        if explain:
            first, rest = scope.warnings[:EXPLAINED], scope.warnings[EXPLAINED:]
            meant: list[MappingWarning] = [
                TextWarning(target, path)
                for target, path in self._texts
                if paths.compile(path.replace("[*]", "[0]")).find(document)
            ]
            explained = [_explained(warning, document) for warning in first]
            idle = self._idle(scope, document)
            return Result(
                value, explained + rest + idle + self._misspelt(scope, document, idle) + meant
            )
        return Result(value, scope.warnings)

    def _idle(self, scope: Scope, document: Any) -> list[MappingWarning]:
        """Loops over lists that are there and empty, wherever they stand."""
        never, found = scope.idle - scope.looped, list[MappingWarning]()
        work = Work()  # one for all of them
        loops = (each for each in dict.fromkeys(self._loops) if each[0] in never)
        with suppress(ValueError):  # what is too much work was told where it was done
            for target, path in islice(loops, EXPLAINED):
                around = path.removesuffix("[*]")
                if paths.compile(around).find(document, work):
                    found.append(LoopWarning(target, around))
        return found

    def _misspelt(
        self, scope: Scope, document: Any, idle: list[MappingWarning]
    ) -> list[MappingWarning]:
        """Paths that find nothing, though nothing was left out for it, and look like another."""
        told = {warning.whole or warning.path for warning in scope.warnings}
        told |= {f"{each.path}[*]" for each in idle}
        found: list[MappingWarning] = []
        work = Work()  # one for all of them
        for target, path in dict.fromkeys(self._paths):
            if path in told or len(found) == EXPLAINED:
                continue
            told.add(path)
            with suppress(ValueError):  # what is too much work was told where it was done
                if not paths.compile(path).find(document, work) and (
                    near := paths.nearest(path, document, least=ALIKE)
                ):
                    found.append(EmptyWarning(target, path, near))
        return found


def check(mapping: Any) -> list[Problem]:
    """List everything that is wrong with a mapping, target by target."""
    compiler = Compiler()
    compiler.build(mapping, "")
    return list(dict.fromkeys(compiler.problems)) or too_large(mapping, "A mapping")


def compile(mapping: Any) -> Mapping:
    """Compile a mapping, or say what is wrong with it first."""
    compiler = Compiler()
    step = compiler.build(mapping, "")
    if compiler.problems:
        problem = compiler.problems[0]
        raise MappingError(problem.field, shorten(mapping), problem.message)
    texts, paths_, loops = map(tuple, (compiler.texts, compiler.paths, compiler.loops))
    return Mapping(mapping, step, texts, paths_, loops)


def fields(mapping: Any) -> list[tuple[str, str]]:
    """The paths that a checked mapping reads, each with its target."""
    compiler = Compiler()
    compiler.build(mapping, "")
    return compiler.paths


def texts(mapping: Any) -> list[tuple[str, str]]:
    """The constants of a checked mapping that read like paths, as paths, each with its target.

    `"transportOrder.status"` is that text and not the status; whoever wrote it probably meant this.
    """
    compiler = Compiler()
    compiler.build(mapping, "")
    return compiler.texts


def shape(mapping: Any, of: Any) -> Any:
    """What a checked mapping makes of documents of a shape, as `paths.fits` takes it."""
    if isinstance(mapping, list | tuple):
        return [shape(mapping[0], of) if len(mapping) == 1 else {}]
    if isinstance(mapping, Object):
        if "$text" in mapping:
            return None
        if any(key.startswith("$") for key in mapping):
            return {}
        return {key: shape(each, of) for key, each in mapping.items()}
    if isinstance(mapping, str) and mapping.startswith("$") and not mapping.startswith("$$"):
        found = paths.found_in(mapping, of, {})
        return [found] if "*" in mapping else found
    return None


def _explained(warning: MappingWarning, document: Any) -> MappingWarning:
    near = paths.nearest(warning.whole or warning.path, document)
    if near and warning.whole and warning.path.startswith("@"):
        # In the words of the loop, where it stands in its item.
        loop = warning.whole[: len(warning.whole) - len(warning.path) + 1]
        near = f"@{near[len(loop) :]}" if near.startswith(loop) else near
    return replace(warning, meant=near) if near else warning


def _refuse_unbounded(value: Any) -> None:
    """Refuse a result that is too large or too deep to store and to send."""
    try:
        body = documents.dumps(value)
        # Fewer brackets than levels: the common result is not walked.
        if body.count(b"{") + body.count(b"[") > DEPTH:
            documents.bounded(value)
    except (TypeError, ValueError) as error:
        raise MappingError("", "", f"The result cannot be sent: {error}") from error
    if len(body) > steps.LARGEST_RESULT:
        raise MappingError("", "", f"The result is {len(body)} bytes; at most 1 MiB can be sent.")
