"""A mapped object as the query of a URL: each key a parameter, a list the same one many times."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from integrations.core.errors import MappingError, Problem
from otms import documents

# Characters; with the longest URL that can be saved no more than most servers take.
LONGEST = 6_000
# What RFC 3986 allows there and both engines would write so: the log has what was sent.
PLAIN = "!$'()*,/:?@"
NO_OBJECT = 'A query is made of an object of parameters, such as {"orderNumber": "..."}.'
NO_PARAMETER = (
    "A parameter of a query is a text, a number, true, false, or a list of these. Map the parts of "
    "what has some by names of their own."
)


def written(document: Any) -> str:
    """The query, percent-encoded, null left out; MappingError names what has no form in one."""
    if not isinstance(document, dict):
        raise MappingError("", "", NO_OBJECT)
    query = "&".join(f"{encoded(name)}={text}" for name, text in _parameters(document))
    if len(query) > LONGEST:
        text = f"The query would have {len(query)} characters; at most {LONGEST} can be sent."
        raise MappingError("", "", text)
    return query


def problems(mapping: Any) -> Iterator[Problem]:
    """What of a mapping can never be a query, whatever the document is."""
    if not isinstance(mapping, dict | str):
        yield Problem("", "not_a_query", NO_OBJECT)
    elif isinstance(mapping, dict) and not _is_operator(mapping):
        for name, value in mapping.items():
            for target, each in _each(str(name), value):
                if isinstance(each, list) or (isinstance(each, dict) and not _is_operator(each)):
                    yield Problem(target, "not_a_query", NO_PARAMETER)


def encoded(text: str) -> str:
    """A text as it stands in a query."""
    return quote(text, safe=PLAIN)


def _parameters(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        for target, each in _each(name, value):
            if isinstance(each, dict | list):
                raise MappingError(target, "", NO_PARAMETER)
            if each is not None:
                text = each if isinstance(each, str) else documents.dumps(each).decode()
                yield name, encoded(text)


def _each(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The values of a parameter, each with where it stands."""
    if isinstance(value, list):
        yield from ((f"{name}[{place}]", each) for place, each in enumerate(value))
    else:
        yield name, value


def _is_operator(mapping: dict[Any, Any]) -> bool:
    return any(str(key).startswith("$") for key in mapping)
