"""An example of what a target wants, as a tree of the fields in it: from JSON, a table or XML."""

import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from integrations.core.suggestion import words
from otms import documents
from otms.documents import DEPTH, shorten

FORMATS = ("json", "csv", "xml")
LONGEST = 1_000_000  # characters of a text
MOST_TARGETS = 500
LONGEST_NAME = 200
_DELIMITERS = ";\t|,"
_LOOKED_AT = 50  # items of a list
_MOST_ROLES = 10
_MOST_KEYS = 50
_ROLE_KEYS = frozenset({"type", "code", "role"})
TEXT = "#text"


class ExampleError(ValueError):
    """An example that can't be read; the message says what to send instead."""


@dataclass
class Leaf:
    """A single value, and later the field of ours that it is filled from."""

    sample: Any = None
    fill: Any = None


@dataclass
class Branch:
    """An object: its members by name."""

    members: dict[str, "Node"] = field(default_factory=dict)


@dataclass
class Many:
    """A list whose items are alike; later, how often they are filled from which list of ours."""

    item: "Node"
    fills: Counter[str] = field(default_factory=Counter)


@dataclass
class Roles:
    """A list whose items say for themselves what they are, under one key: to load, to unload."""

    key: str
    items: list[tuple[str, Branch]]


Node = Leaf | Branch | Many | Roles


def read(example: Any, format: str | None) -> tuple[Node, bool]:
    """The tree of an example, and whether it is a table; ExampleError if it can't be read."""
    if not isinstance(example, str):
        if format not in (None, "json"):
            raise ExampleError(f"Send an example of {format} as a text.")
        if not isinstance(example, dict | list):
            raise ExampleError("Send an object, a list or a text as an example.")
        return _tree(example), False
    if len(example) > LONGEST:
        raise ExampleError(f"The example has more than {LONGEST} characters; send less of it.")
    text = example.lstrip("\ufeff \t\r\n") if format != "csv" else example.lstrip("\ufeff")
    if not text.strip():
        raise ExampleError("The example is empty.")
    begins = text.lstrip()[0]
    format = format or ("json" if begins in "{[" else "xml" if begins == "<" else "csv")
    if format == "json":
        try:
            value = documents.loads(text, most=documents.MOST_VALUES)
        except documents.DocumentError as error:
            raise ExampleError(str(error)) from None
        if not isinstance(value, dict | list):
            raise ExampleError("Send an object or a list as an example.")
        return _tree(value), False
    if format == "xml":
        return _tree(_of_xml(text)), False
    return _tree(_of_table(text)), True


def _of_table(text: str) -> dict[str, str]:
    """The columns with what the first row has in them."""
    first = next(line for line in io.StringIO(text) if line.strip())
    try:
        widths = {each: len(next(csv.reader([first], delimiter=each))) for each in _DELIMITERS}
        rows = csv.reader(io.StringIO(text), delimiter=max(widths, key=lambda each: widths[each]))
        full = (row for row in rows if any(map(str.strip, row)))
        header = [name.strip() for name in next(full)]
        row = next(full, [])
    except csv.Error as error:
        raise ExampleError(f"The example is no table: {error}.") from None
    if len(header) > MOST_TARGETS:
        raise _too_many()
    doubled = next((name for name in header if name and header.count(name) > 1), None)
    if doubled:
        raise ExampleError(f"Two columns have the name {shorten(doubled)}; name each once.")
    row += [""] * (len(header) - len(row))
    return {name: row[place] for place, name in enumerate(header) if name}


class _Refused(Exception):
    """The document has what no example needs."""


def _of_xml(text: str) -> dict[str, Any]:
    """Elements as objects: attributes as `@name`, text beside them as `#text`, repeated as lists.

    A DOCTYPE is refused: entities vanish or explode. Namespaces stay as they are written.
    """
    root: dict[str, Any] = {}
    open_: list[tuple[dict[str, Any], list[str]]] = [(root, [])]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_) > DEPTH:
            raise _Refused(f"Elements are nested deeper than {DEPTH} levels.")
        open_.append(({f"@{key}": value for key, value in attributes.items()}, []))

    def end(name: str) -> None:
        members, texts = open_.pop()
        written = "".join(texts).strip()
        value: Any = ({**members, TEXT: written} if written else members) if members else written
        around = open_[-1][0]
        if name not in around:
            around[name] = value
        elif isinstance(around[name], _Repeated):
            around[name].append(value)
        else:
            around[name] = _Repeated([around[name], value])

    def said(piece: str) -> None:
        open_[-1][1].append(piece)

    def doctype(*_: Any) -> None:
        raise _Refused("The example has a DOCTYPE; send it without.")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = said, doctype
    try:
        # Whatever it says of its encoding: it was decoded with the call.
        parser.Parse(_without_declaration(text).encode("utf-8", "replace"), True)
    except _Refused as refusal:
        raise ExampleError(str(refusal)) from None
    except expat.ExpatError as error:
        raise ExampleError(f"The example is not well-formed XML: {error}.") from None
    return root


class _Repeated(list[Any]):
    """What elements of one name are together."""


def _without_declaration(text: str) -> str:
    return text.partition("?>")[2] if text.startswith("<?xml") else text


def _tree(value: Any) -> Node:
    """What is in an example: objects and lists of alike items put together, each name once."""
    left = MOST_TARGETS

    def node(values: list[Any]) -> Node:
        """What stands at one place, in one item of a list or in several."""
        nonlocal left
        objects = [each for each in values if isinstance(each, dict) and each]
        lists = [each for each in values if isinstance(each, list) and each]
        if objects:
            return branch(objects)
        if lists:
            if len(lists) == 1 and (found := _roles(lists[0])):
                key, items = found
                return Roles(key, [(said, branch([each])) for said, each in items])
            return Many(node([each for one in lists for each in one[:_LOOKED_AT]]))
        left -= 1
        if left < 0:
            raise _too_many()
        given = (each for each in values if not isinstance(each, dict | list))
        return Leaf(next((each for each in given if each is not None and each != ""), None))

    def branch(objects: list[dict[str, Any]]) -> Branch:
        together: dict[str, list[Any]] = {}
        for each in objects:
            for key, member in each.items():
                together.setdefault(key, []).append(member)
        if len(together) > MOST_TARGETS:
            raise _too_many()
        if long := next((key for key in together if len(key) > LONGEST_NAME), None):
            most = f"a name has at most {LONGEST_NAME} characters"
            raise ExampleError(f"{shorten(long, 40)} is too long; {most}.")
        return Branch({key: node(members) for key, members in together.items()})

    return node([value])


def _roles(items: list[Any]) -> tuple[str, list[tuple[str, dict[str, Any]]]] | None:
    """The key under which each item of a list says whom it is about, if each says another."""
    if len(items) > _MOST_ROLES or not all(isinstance(each, dict) and each for each in items):
        return None
    for key, first in list(items[0].items())[:_MOST_KEYS]:
        if (
            not isinstance(first, str)
            or key.startswith("$")
            or not {m for _, m in words.meanings(key)} & _ROLE_KEYS
        ):
            continue
        said = [each.get(key) for each in items]
        if not all(isinstance(each, str) for each in said) or len(set(said)) < len(said):
            continue
        if any(words.party(each) for each in said):
            return key, list(zip(said, items, strict=True))
    return None


def _too_many() -> ExampleError:
    return ExampleError(f"The example has more than {MOST_TARGETS} fields; send a part of it.")
