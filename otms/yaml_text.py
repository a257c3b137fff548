"""YAML that people write: read as it looks and as JSON has it, written with all its digits.

What YAML can say beyond JSON is refused: anchors make a page of a line, and tags make other things
than are written there. `yes`, `12:30` and dates are texts.
"""

import re
from decimal import Decimal
from typing import Any

import yaml

from otms import documents

LONGEST = 1_000_000  # characters: PyYAML reads some 100,000 a second
BOOLEAN = re.compile(r"true|false")
INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
NOTHING = re.compile(r"~|null|")
# What some readers take for the end of a line.
BREAKS = re.compile("[\x85\u2028\u2029]")


class NotYaml(ValueError):
    """Text that can't be read; the message says where."""


class _Loader(yaml.SafeLoader):
    """YAML as it looks: a key stands once, and nothing stands for something else."""

    yaml_implicit_resolvers: dict[Any, Any] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        said = "an anchor or what refers to one" if getattr(event, "anchor", None) else ""
        said = said or (f"a tag ({event.tag})" if getattr(event, "tag", None) else "")
        if said:
            raise yaml.MarkedYAMLError(
                problem=f"{said} is not read: write out what is meant",
                problem_mark=event.start_mark,
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.MarkedYAMLError(
                    problem=f"{key_node.value!r} is read as {key!r}, and a key is a text",
                    problem_mark=key_node.start_mark,
                )
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} stands here twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)

    def number(self, node: Any) -> Any:
        """Read as JSON's are, with what is too large refused."""
        return documents.loads(node.value)


class _Dumper(yaml.SafeDumper):
    """YAML without references to other places, and each text of several lines as such."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def decimal(self, number: Decimal) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:float", str(number))

    def text(self, text: str) -> Any:
        style = '"' if BREAKS.search(text) else "|" if "\n" in text else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _resolved(tag: str) -> str:
    return f"tag:yaml.org,2002:{tag}"


for _tag, _pattern, _first in (
    ("null", NOTHING, ["~", "n", ""]),
    ("bool", BOOLEAN, ["t", "f"]),
    ("int", INTEGER, list("-0123456789")),
    ("float", NUMBER, list("-0123456789")),
):
    _whole = re.compile(rf"(?:{_pattern.pattern})\Z")
    _Loader.add_implicit_resolver(_resolved(_tag), _whole, _first)
    if _tag == "float":  # what others take for a number is quoted already
        _Dumper.add_implicit_resolver(_resolved(_tag), _whole, _first)
_Loader.add_constructor(_resolved("int"), _Loader.number)
_Loader.add_constructor(_resolved("float"), _Loader.number)
_Dumper.add_representer(Decimal, _Dumper.decimal)
_Dumper.add_representer(str, _Dumper.text)


def loads(text: str) -> Any:
    """Read one document; NotYaml says what is wrong, and where."""
    if len(text) > LONGEST:
        raise NotYaml(f"It is longer than {LONGEST:,} characters.")
    try:
        value = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader, and stricter
        # What JSON can't say, or no database can keep, is told as it is of JSON.
        return documents.loads(documents.dumps(value), most=documents.MOST_VALUES)
    except yaml.MarkedYAMLError as error:
        raise NotYaml(_words(error)) from None
    except yaml.YAMLError as error:
        raise NotYaml(" ".join(str(error).split())) from None
    except RecursionError:
        raise NotYaml(str(documents.TooDeep())) from None
    except (ValueError, ArithmeticError) as error:
        raise NotYaml(str(error)) from None


def _words(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, and where: PyYAML tells before that what it was doing."""
    mark, said = error.problem_mark, f"This is not YAML: {error.problem or error.context}"
    if mark is None:
        return f"{said}."
    return f"{said} (line {mark.line + 1}, column {mark.column + 1})."


def dumps(value: Any) -> str:
    """Write a document in the order that it has."""
    written: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return written
