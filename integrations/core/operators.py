"""The operators of the mapping language: each is one entry of this table.

An operator object such as `{"$path": "order.id", "$default": 0}` is one source (`$path`) and any
number of refinements (`$default`). They are applied in the order of the table, whatever the
order in the object. An entry's `build` gets what it needs to compile its argument, and returns a
step: a function from the scope of one document to a value, or to MISSING.
"""

from integrations.core import conversions, sources
from integrations.core.scope import Operator

OPERATORS: dict[str, Operator] = {
    "$path": Operator(sources.path, source=True),
    "$text": Operator(sources.text, source=True),
    "$first": Operator(sources.first, source=True),
    "$join": Operator(sources.join, source=True, companions=("$sep",)),
    "$sum": Operator(sources.total, source=True),
    "$each": Operator(sources.each, source=True, companions=("$do",)),
    "$if": Operator(sources.choice, source=True, companions=("$then", "$else")),
    "$omit": Operator(sources.omit, source=True),
    "$lookup": Operator(conversions.lookup),
    "$type": Operator(conversions.convert, companions=("$tz",)),
    "$date": Operator(conversions.written_date, companions=("$tz",)),
    "$round": Operator(conversions.rounded),
    "$max": Operator(conversions.cut),
    "$ifNull": Operator(conversions.if_null),
    "$default": Operator(conversions.default),
    "$required": Operator(conversions.required),
}
SOURCES = tuple(name for name, operator in OPERATORS.items() if operator.source)
