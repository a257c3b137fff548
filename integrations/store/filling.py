"""Put the settings of an installation into the integrations that an app describes.

A reference is the name of a setting in single braces, `"{webhookUrl}"`. A text that is one
reference and nothing else becomes the value, of whatever type it is; a setting without a value
leaves no trace. What was put in is not read again: a value with braces in it stays as it is.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

REFERENCE = re.compile(r"(?<!\{)\{([A-Za-z]\w*)\}(?!\})")
NOTHING: Any = object()
# In a mapping these begin an expression; doubled, they begin a text.
MARKS = ("$", "@")


@dataclass
class Filled:
    """A document with its settings in it, and which setting stands where."""

    document: Any = None
    places: dict[str, str] = field(default_factory=dict)

    def setting_at(self, where: str) -> str:
        """The setting that made a field what it is; "" if it was the manifest."""
        return next(
            (
                name
                for place, name in self.places.items()
                if where == place or where.startswith((f"{place}.", f"{place}["))
            ),
            "",
        )

    def settings_under(self, where: str) -> set[str]:
        """The settings that a part of the document was made of."""
        return {name for place, name in self.places.items() if place.startswith(where)}


def filled(template: Any, values: dict[str, Any]) -> Filled:
    """The document that a template is with these values."""
    made = Filled()
    made.document = _put(template, values, "", made.places, mapping=False)
    return made


def references(template: Any) -> set[str]:
    """The names of all settings that a template refers to."""
    if isinstance(template, str):
        return set(REFERENCE.findall(template))
    parts = template.values() if isinstance(template, dict) else template
    return set().union(*map(references, parts)) if isinstance(template, dict | list) else set()


def _put(
    template: Any, values: dict[str, Any], where: str, places: dict[str, str], *, mapping: bool
) -> Any:
    if isinstance(template, str):
        return _text(template, values, where, places, mapping=mapping)
    if isinstance(template, dict):
        made = {
            name: _put(
                each,
                values,
                # A problem of a mapping is told at the target, whatever the operator.
                where if name == "$text" else f"{where}.{name}" if where else name,
                places,
                # The text with places is the one expression that a person may write.
                mapping=name == "mapping" or (mapping and name != "$text"),
            )
            for name, each in template.items()
        }
        return {name: value for name, value in made.items() if value is not NOTHING}
    if isinstance(template, list):
        listed = [
            _put(each, values, f"{where}[{place}]", places, mapping=mapping)
            for place, each in enumerate(template)
        ]
        return [value for value in listed if value is not NOTHING]
    return template


def _text(
    template: str, values: dict[str, Any], where: str, places: dict[str, str], *, mapping: bool
) -> Any:
    names = REFERENCE.findall(template)
    if not names:
        return template
    places[where] = names[0]
    if REFERENCE.fullmatch(template):
        value = values.get(names[0], NOTHING)
        if mapping and isinstance(value, str) and (value == "#" or value.startswith(MARKS)):
            return value[0] + value
        return value
    encode = (lambda text: quote(text, safe="")) if "://" in template else str
    return REFERENCE.sub(lambda found: encode(str(values.get(found[1], ""))), template)
