"""The API's reference as one page, made from its schema: nothing on it runs, nothing is fetched."""

import json
import re
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.response import Response

DEEPEST = 5
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ID = "8c1e7f2a-5b7d-4c39-9f61-2f0f4a3a6d11"
EXAMPLES = {"uuid": ID, "date-time": "2026-01-31T12:00:00Z", "email": "ann@example.com"}
WORDS = {"date-time": "time", "uuid": "UUID", "uri": "URL"}

Schema = dict[str, Any]


def docs(request: HttpRequest) -> HttpResponse:
    """For people; /api/schema is the same for programs."""
    answer = HttpResponse(_html())
    answer["Content-Security-Policy"] = POLICY
    return answer


class SchemaView(SpectacularJSONAPIView):
    """The schema, which is the same for everybody: made once, because making it takes its time."""

    def _get_schema_response(self, request: Any) -> Any:
        return Response(_schema(), headers={"Content-Disposition": 'inline; filename="otms.json"'})


@cache
def _schema() -> Schema:
    found: Schema = SchemaGenerator().get_schema(request=None, public=True)
    return found


@cache
def _html() -> str:
    return render_to_string("api/docs.html", _page())


def _page() -> dict[str, Any]:
    schema = _schema()
    parts = {
        f"#/components/schemas/{name}": part
        for name, part in schema["components"]["schemas"].items()
    }
    calls = [
        (operation["tags"][0], _call(method, path, operation, parts))
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    groups: dict[str, list[dict[str, Any]]] = {}
    tags = {tag for tag, _ in calls}
    for tag, call in calls:
        one = next((each for each in tags if tag in (f"{each}s", f"{each}es")), tag)
        groups.setdefault(_spoken(one), []).append(call)
    return {"info": schema["info"], "groups": groups}


def _spoken(tag: str) -> str:
    """transportOrder is read as Transport order."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tag).capitalize()


def _call(method: str, path: str, operation: Schema, parts: dict[str, Schema]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    body = content.get("application/json", {}).get("schema")
    success = operation["responses"].get("200", {}).get("content", {})
    public = {} in operation.get("security", [])
    return {
        "name": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "told": operation.get("description", ""),
        "public": public,
        "parameters": [
            {"name": each["name"], "where": each["in"], **_said(each["schema"], each, parts)}
            for each in operation.get("parameters", [])
            if each["in"] in ("path", "query")
        ],
        "body": fields(body, parts) if body else [],
        "takes": ", ".join(content),
        "answer": [
            field
            for field in fields(success.get("application/json", {}).get("schema", {}), parts)
            if field["name"] not in ("success", "message")
        ],
        "example": _curl(method.upper(), path, public, example(body, parts) if body else None),
    }


def fields(schema: Schema, parts: dict[str, Schema], before: str = "", deep: int = 0) -> list[Any]:
    """Every field of a body, a part's under its whole: dataSources[].connector."""
    found: list[Any] = []
    schema = _plain(schema, parts)
    properties, wanted = schema.get("properties", {}), schema.get("required", [])
    for way in _ways(schema, parts):
        properties = {**way.get("properties", {}), **properties}
    for name, each in properties.items():
        inner = _plain(each, parts)
        is_list = "array" in _types(inner)
        path = f"{before}{name}{'[]' if is_list else ''}"
        found.append({"name": path, "required": name in wanted, **_said(inner, each, parts)})
        if deep < DEEPEST:
            part = _plain(inner.get("items", {}), parts) if is_list else inner
            found += fields(part, parts, f"{path}.", deep + 1)
    return found


def _said(schema: Schema, around: Schema, parts: dict[str, Schema]) -> dict[str, str]:
    """What a field may hold, in words."""
    schema = _plain(schema, parts)
    items = _plain(schema.get("items", {}), parts)
    choices = schema.get("enum") or items.get("enum") or []
    limits = [
        f"{word} {schema[key]}"
        for key, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))
        if key in schema
    ]
    return {
        "type": _kind(schema, parts),
        "choices": ", ".join(str(each) for each in choices if each is not None),
        "limits": " ".join(limits),
        "told": around.get("description") or schema.get("description", ""),
    }


def _kind(schema: Schema, parts: dict[str, Schema]) -> str:
    if ways := _ways(schema, parts):
        return " or ".join(dict.fromkeys(_kind(way, parts) for way in ways))
    kinds = _types(schema)
    if "array" in kinds:
        return f"list of {_kind(_plain(schema.get('items', {}), parts), parts)}"
    if len(kinds) > 1:
        return " or ".join(kinds)
    return WORDS.get(schema.get("format", ""), kinds[0] if kinds else "anything")


def _types(schema: Schema) -> list[str]:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return [{"string": "text"}.get(kind, kind) for kind in kinds if kind != "null"]


def _ways(schema: Schema, parts: dict[str, Schema]) -> list[Schema]:
    """What it may be one of."""
    every = [*schema.get("oneOf", []), *schema.get("anyOf", [])]
    return [_plain(each, parts) for each in every if each.get("type") != "null"]


def _plain(schema: Schema, parts: dict[str, Schema]) -> Schema:
    """Without the detours: references followed, one of something or nothing is that something."""
    for _ in range(DEEPEST):
        one = [each for each in schema.get("oneOf", []) if each.get("type") != "null"]
        if "$ref" in schema:
            schema = parts[schema["$ref"]]
        elif len(schema.get("allOf", [])) == 1:
            schema = schema["allOf"][0]
        elif len(one) == 1:
            schema = one[0]
        else:
            break
    return schema


def example(schema: Schema, parts: dict[str, Schema]) -> Any:
    """The smallest body that says something: what is required, or else a name."""
    schema = _plain(schema, parts)
    if "enum" in schema:
        return schema["enum"][0]
    if ways := _ways(schema, parts):
        return example(ways[0], parts)
    kinds = _types(schema)
    kind = kinds[0] if kinds else "object"
    if kind == "object":
        properties = schema.get("properties", {})
        wanted = schema.get("required") or [name for name in ("id", "name") if name in properties]
        return {name: example(properties[name], parts) for name in wanted}
    if kind == "array":
        return [example(schema["items"], parts)] if schema.get("minItems") else []
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    return True if kind == "boolean" else EXAMPLES.get(schema.get("format", ""), "4711")


def _curl(method: str, path: str, public: bool, body: Any) -> str:
    filled = path.replace("{id}", ID).replace("{offset}", "0").replace("{amount}", "20")
    lines = [f'curl {"" if method == "GET" else f"-X {method} "}"$OTMS_URL{filled}"']
    if not public:
        lines.append('-H "Authorization: Bearer $OTMS_TOKEN"')
    if body is not None:
        lines.append('-H "Content-Type: application/json"')
        lines.append(f"-d '{json.dumps(body)}'")
    return " \\\n  ".join(lines)
