"""The operators of the mapping language: each is one entry of this table.

An operator object such as `{"$path": "order.id", "$default": 0}` is one source (`$path`) and any
number of refinements (`$default`). They are applied in the order of the table, whatever the
order in the object. An entry's `build` gets what it needs to compile its argument, and returns a
step: a function from the scope of one document to a value, or to MISSING.

What an entry takes is said as JSON Schema, of which schema.py makes that of the whole language.
"""

from integrations.core import arguments as a
from integrations.core import conversions, sources
from integrations.core.scope import Operator, Schema

NAME = "$.transportOrder.name"
STATUS = "$.transportOrder.status"
WEIGHTS = "$.transportOrder.consignments[*].goods[*].weight.value"

_ZONE: dict[str, Schema] = {"$tz": a.ZONE}

OPERATORS: dict[str, Operator] = {
    "$path": Operator(
        sources.path, a.REFERENCE, {"$path": "transportOrder.customer.name"}, source=True
    ),
    "$text": Operator(
        sources.text, a.TEXT, {"$text": "Order {{transportOrder.name}} is here"}, source=True
    ),
    "$first": Operator(
        sources.first, a.EXPRESSIONS, {"$first": ["$.transportOrder.orderId", NAME]}, source=True
    ),
    "$join": Operator(
        sources.join,
        a.EXPRESSIONS,
        {"$join": [NAME, STATUS], "$sep": " / "},
        source=True,
        companions={"$sep": a.TEXT},
    ),
    "$sum": Operator(sources.total, a.EXPRESSION, {"$sum": WEIGHTS}, source=True),
    "$each": Operator(
        sources.each,
        a.REFERENCE,
        {
            "$each": "$.transportOrder.consignments[*].goods[*]",
            "$do": {"no": "#", "text": "@.description"},
        },
        source=True,
        companions={"$do": a.OF_ITEM},
        needs=("$do",),
    ),
    "$if": Operator(
        sources.choice,
        a.CONDITION,
        {
            "$if": {"field": STATUS, "operator": "eq", "value": "requested"},
            "$then": "new",
            "$else": "known",
        },
        source=True,
        companions={"$then": a.EXPRESSION, "$else": a.EXPRESSION},
        needs=("$then",),
    ),
    "$omit": Operator(sources.omit, a.TRUE, {"$omit": True}, source=True),
    "$ifEmpty": Operator(
        conversions.if_empty,
        a.EXPRESSION,
        {"$path": "$.transportOrder.orderId", "$ifEmpty": {"$omit": True}, "$default": "none"},
    ),
    "$lookup": Operator(
        conversions.lookup,
        a.TABLE,
        {"$path": STATUS, "$lookup": {"requested": 10, "planned": 20}, "$default": 0},
    ),
    "$type": Operator(
        conversions.convert,
        {"type": "string", "enum": list(conversions.TYPES)},
        {"$path": WEIGHTS, "$type": "string"},
        companions=_ZONE,
    ),
    "$date": Operator(
        conversions.written_date,
        {
            "type": "string",
            "minLength": 1,
            "maxLength": conversions.LONGEST_FORMAT,
            "pattern": f"^(?=[\\s\\S]*%)(?:[^%]|%[{''.join(sorted(conversions.DIRECTIVES))}])*$",
        },
        {"$path": "$.transportOrder.createdAt", "$date": "%d-%m-%Y", "$tz": "Europe/Amsterdam"},
        companions=_ZONE,
    ),
    "$round": Operator(
        conversions.rounded,
        {"type": "integer", "minimum": 0, "maximum": conversions.MOST_DIGITS},
        {"$sum": WEIGHTS, "$round": 1},
    ),
    "$max": Operator(
        conversions.cut,
        {"type": "integer", "minimum": 1, "maximum": conversions.LONGEST_TEXT},
        {"$path": NAME, "$max": 8},
    ),
    "$ifNull": Operator(
        conversions.if_null,
        a.EXPRESSION,
        {"$path": "$.transportOrder.customer", "$ifNull": "nobody"},
    ),
    "$default": Operator(
        conversions.default, a.EXPRESSION, {"$path": "$.steps.price", "$default": 0}
    ),
    "$required": Operator(conversions.required, a.TRUE, {"$path": NAME, "$required": True}),
}
SOURCES = tuple(name for name, operator in OPERATORS.items() if operator.source)
