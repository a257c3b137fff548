"""The API's reference as one page, made from its schema: nothing on it runs, nothing is fetched."""

import json
import re
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.response import Response

from otms.api.idempotency import HEADER
from otms.api.paging import FARTHEST
from otms.headers import PAGE

DEEPEST = 5
NARROW = 48  # characters of a line of an example's body
WORDS = {
    **{"date-time": "time", "uuid": "UUID", "uri": "URL", "binary": "file"},
    **{"duration": "duration", "decimal": "number"},
}
JSON = "application/json"

Schema = dict[str, Any]


def docs(request: HttpRequest) -> HttpResponse:
    """For people; /api/schema is the same for programs."""
    answer = HttpResponse(_html(request.build_absolute_uri("/").rstrip("/")))
    answer["Content-Security-Policy"] = PAGE
    return answer


class SchemaView(SpectacularJSONAPIView):
    """The schema, which is the same for everybody: made once, because making it takes its time."""

    def _get_schema_response(self, request: Any) -> Any:
        return Response(_schema(), headers={"Content-Disposition": 'inline; filename="otms.json"'})


@cache
def _schema() -> Schema:
    found: Schema = SchemaGenerator().get_schema(request=None, public=True)
    return found


@lru_cache(maxsize=8)
def _html(address: str) -> str:
    return render_to_string("api/docs.html", {**_page(), "address": address})


def _page() -> dict[str, Any]:
    schema = _schema()
    parts = {
        f"#/components/schemas/{name}": part
        for name, part in schema["components"]["schemas"].items()
    }
    groups: dict[str, dict[str, Any]] = {
        tag["name"]: {**tag, "calls": []} for tag in schema["tags"]
    }
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            calls = groups[operation["tags"][0]]["calls"]
            calls.append(_call(method.upper(), path, operation, parts))
    return {"info": schema["info"], "groups": groups.values(), "key": HEADER}


def _call(method: str, path: str, operation: Schema, parts: dict[str, Schema]) -> dict[str, Any]:
    sent = operation.get("requestBody", {})
    takes, body = next(iter(sent["content"].items())) if sent else ("", Schema())
    success = operation["responses"].get("200", {}).get("content", {})
    public = {} in operation.get("security", [])
    parameters = operation.get("parameters", [])
    return {
        "name": operation["operationId"],
        "method": method,
        "shape": _inside("var", r"(\{\w+\})", path),
        "told": marked(operation.get("description", "")),
        "public": public,
        "keyed": any(each["name"] == HEADER for each in parameters),
        "parameters": [
            {
                **{"name": each["name"], "where": each["in"], "parts": []},
                **_said(each["schema"], each, parts),
            }
            for each in parameters
            if each["in"] in ("path", "query")
        ],
        "takes": takes,
        "optional": not sent.get("required"),
        "body": fields(body["schema"], parts) if body else [],
        "answer": [
            field
            for field in fields(success.get(JSON, {}).get("schema", {}), parts)
            if field["name"] not in ("success", "message")
        ],
        "example": curl(method, filled(path, parameters), public, takes, body.get("example")),
    }


def fields(schema: Schema, parts: dict[str, Schema], before: str = "", deep: int = 0) -> list[Any]:
    """The fields of a body, required ones first, each with its parts: dataSources[].connector."""
    found: list[Any] = []
    schema = _plain(schema, parts)
    properties, wanted = schema.get("properties", {}), schema.get("required", [])
    for way in _ways(schema, parts):
        properties = {**way.get("properties", {}), **properties}
    for name, each in sorted(properties.items(), key=lambda item: item[0] not in wanted):
        inner = _plain(each, parts)
        is_list = "array" in _types(inner)
        path = f"{before}{name}{'[]' if is_list else ''}"
        part = _plain(inner.get("items", {}), parts) if is_list else inner
        within = fields(part, parts, f"{path}.", deep + 1) if deep < DEEPEST else []
        said = _said(inner, each, parts)
        found.append({"name": path, "required": name in wanted, "parts": within, **said})
    return found


def _said(schema: Schema, around: Schema, parts: dict[str, Schema]) -> dict[str, Any]:
    """What a field may hold, in words."""
    plain = _plain(schema, parts)
    items = _plain(plain.get("items", {}), parts)
    choices = plain.get("enum") or items.get("enum") or []
    kind = _kind(plain, parts)
    return {
        "type": f"{kind} or null" if _nullable(around, parts) and kind != "null" else kind,
        "choices": [str(each) for each in choices if each is not None],
        "limits": _limits(plain),
        "told": marked(around.get("description") or plain.get("description", "")),
    }


def _nullable(schema: Schema, parts: dict[str, Schema]) -> bool:
    ways = [*schema.get("oneOf", []), *schema.get("anyOf", [])]
    plain = _plain(schema, parts)
    return "null" in plain.get("type", ()) or any(way.get("type") == "null" for way in ways)


def _limits(schema: Schema) -> str:
    """What bounds a value; the last page of a list is a bound that nobody comes to."""
    least, most = schema.get("minimum"), schema.get("maximum")
    if most == FARTHEST:
        most = None
    if most is not None:
        return f"{least} to {most}" if least is not None else f"up to {most}"
    if least is not None:
        return f"{least} or more"
    if "maxLength" in schema:
        return f"up to {schema['maxLength']} characters"
    return f"up to {schema['maxItems']}" if "maxItems" in schema else ""


def _kind(schema: Schema, parts: dict[str, Schema]) -> str:
    if ways := _ways(schema, parts):
        return " or ".join(dict.fromkeys(_kind(way, parts) for way in ways))
    kinds = _types(schema)
    if "array" in kinds:
        of = _kind(_plain(schema.get("items", {}), parts), parts)
        return f"list of {of}s" if of.isalpha() and of != "anything" else f"list of {of}"
    if len(kinds) > 1:
        return " or ".join(kinds)
    if schema.get("type") == "null":
        return "null"
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


def marked(text: str) -> SafeString:
    """What stands between backticks as code; all of it escaped."""
    return _inside("code", r"`([^`]+)`", text)


def _inside(tag: str, pattern: str, text: str) -> SafeString:
    """A text with what a pattern finds inside of a tag."""
    pieces = (
        (format_html(f"<{tag}>{{}}</{tag}>", each) if place % 2 else each,)
        for place, each in enumerate(re.split(pattern, text))
    )
    return format_html_join("", "{}", pieces)


def filled(path: str, parameters: list[Schema]) -> str:
    """A path as a shell reads it: ids are variables, the rest are examples, also of a query."""
    for each in parameters:
        if each["in"] == "path":
            name, schema = each["name"], each["schema"]
            given = f"${name.upper()}" if schema.get("format") == "uuid" else schema["examples"][0]
            path = path.replace(f"{{{name}}}", str(given))
    asked = {each["name"]: each["example"] for each in parameters if "example" in each}
    return f"{path}?{urlencode(asked)}" if asked else path


def curl(method: str, path: str, public: bool, takes: str, body: Any) -> str:
    """A call as it can be copied into a shell."""
    lines = [f'curl {"" if method == "GET" else f"-X {method} "}"$OTMS_URL{path}"']
    if not public:
        lines.append('-H "Authorization: Bearer $OTMS_TOKEN"')
    if takes == JSON:
        lines.append(f'-H "Content-Type: {JSON}"')
        lines.append(f"-d '{laid_out(body, '  ')}'")
    elif takes:
        lines += [f"-F {name}=@{value}" for name, value in body.items()]
    return " \\\n  ".join(lines)


def laid_out(value: Any, margin: str = "", key: str = "") -> str:
    """JSON with one line for what is short."""
    line = f"{key}{json.dumps(value)}"
    if len(margin + line) <= NARROW or not isinstance(value, dict | list):
        return line
    inner = f"{margin}  "
    if isinstance(value, dict):
        items = [laid_out(each, inner, f"{json.dumps(name)}: ") for name, each in value.items()]
    else:
        items = [laid_out(each, inner) for each in value]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{key}{first}\n{inner}" + f",\n{inner}".join(items) + f"\n{margin}{last}"
