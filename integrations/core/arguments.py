"""What the operators of a mapping take, as JSON Schema: the pieces that schema.py puts together.

A reference names a part of the whole. What may stand in a loop too is another part there, with a
name of its own, which schema.py sees to: `@` and `#` mean something only in a loop.
"""

from typing import Any

Schema = dict[str, Any]


def ref(part: str) -> Schema:
    """What is said of a part elsewhere."""
    return {"$ref": f"#/$defs/{part}"}


EXPRESSION = ref("expression")
EXPRESSIONS: Schema = {"type": "array", "minItems": 1, "items": EXPRESSION}
PATH = ref("path")
REFERENCE = ref("reference")
CONDITION: Schema = {
    "if": {"type": "array"},
    "then": {"items": ref("filter")},
    "else": ref("filter"),
}
TABLE: Schema = {"type": "object", "minProperties": 1, "additionalProperties": EXPRESSION}
OF_ITEM = ref("expressionOfItem")
TEXT: Schema = {"type": "string"}
TRUE: Schema = {"const": True}
ZONE: Schema = {
    "type": ["string", "null"],
    "description": "The name of a time zone, such as Europe/Amsterdam.",
}
