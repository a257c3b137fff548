"""OpenAPI from the routes: operation ids, bodies and the envelope."""

import re
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers

from otms.api.idempotency import HEADER, LONGEST
from otms.api.paging import FARTHEST, MOST
from otms.api.router import EXAMPLE_ID, Route, actions
from otms.api.serializers import Error, WireSerializer

PATH_PARAMETERS = {
    name: OpenApiParameter(name, schema, OpenApiParameter.PATH, description=told)
    for name, schema, told in (
        ("id", {"type": "string", "format": "uuid", "examples": [EXAMPLE_ID]}, ""),
        ("app", {"type": "string", "examples": ["signed-webhook"]}, "An app's `id`."),
        (
            "offset",
            {"type": "integer", "minimum": 0, "maximum": FARTHEST, "examples": [0]},
            "How many rows to pass over.",
        ),
        (
            "amount",
            {"type": "integer", "minimum": 1, "maximum": MOST, "examples": [20]},
            "How many rows to answer.",
        ),
    )
}
METHODS = ("get", "post", "put", "delete")
IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="Repeated with the same key, the call has its effect once and its first answer.",
)


# What a call may be refused with: the name of the answer, and when it comes.
REFUSALS = {
    400: ("Malformed", "The body is no JSON object, or a field or a parameter is wrong."),
    401: ("Unauthenticated", "No credential, or one that is wrong, expired or revoked."),
    403: ("Forbidden", "Known, but the call is not among the caller's permissions."),
    404: ("NotFound", "No such record or page, or another platform's record."),
    409: ("Conflict", "The record was changed meanwhile, is in use, or does not allow the call."),
    413: ("TooLarge", "The body is larger than this server accepts."),
    415: ("UnsupportedMediaType", "The body has another content type, or comes packed."),
    429: ("TooOften", "Too many calls, or too many failed logins; see Retry-After."),
    500: ("Crashed", "Our fault; requestId is in our log."),
    503: ("Unavailable", "The database is busy or away, or there is no room; see Retry-After."),
}


def with_refusals(result: Any, **_: Any) -> Any:
    """Write each refusal once; the operations refer to it."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    result["components"]["responses"] = {
        name: {"description": told, "content": content} for name, told in REFUSALS.values()
    }
    return result


def in_reading_order(result: Any, **_: Any) -> Any:
    """Under each path: what it shows, then what it changes."""
    result["paths"] = {
        path: {method: by_method[method] for method in METHODS if method in by_method}
        for path, by_method in result["paths"].items()
    }
    return result


class RouteSchema(AutoSchema):
    view: Any

    @property
    def route(self) -> Route:
        return actions(type(self.view))[self.view.action]

    def get_operation_id(self) -> str:
        return self.route.name

    def get_tags(self) -> list[str]:
        return [self.view.group]

    def get_auth(self) -> list[dict[str, list[str]]]:
        return [{}] if self.route.public else [{"bearer": []}, {"apiKey": [], "apiSecret": []}]

    def get_override_parameters(self) -> list[Any]:
        in_path = [PATH_PARAMETERS[name] for name in re.findall(r":(\w+)>", self.route.path)]
        keyed = [IDEMPOTENCY_KEY] if self.route.keyed else []
        return [*in_path, *([self.route.query] if self.route.query else []), *keyed]

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False  # a list stands inside the envelope, as one of its keys

    def _map_serializer(
        self, serializer: Any, direction: Any, bypass_extensions: bool = False
    ) -> Any:
        schema = super()._map_serializer(serializer, direction, bypass_extensions)
        strict = isinstance(serializer, WireSerializer) and not serializer.lenient
        if strict and direction == "request":
            schema["additionalProperties"] = False
        if serializer.partial and direction == "request":
            schema["required"] = ["id"]  # what an update names its record by
        if not vars(type(serializer)).get("__doc__"):
            schema.pop("description", None)  # the base class's, which is for us
        return schema

    def _map_serializer_field(self, field: Any, *args: Any, **kwargs: Any) -> Any:
        schema = super()._map_serializer_field(field, *args, **kwargs)
        if schema.get("oneOf") == [{}, {"type": "null"}]:
            del schema["oneOf"]  # null is any value already, and may not match two of one
        return schema

    def get_request_serializer(self) -> Any:
        takes = self.route.takes
        if getattr(takes, "partial", False) and self.route.name.startswith("search:"):
            return {"application/json": self._searched()}
        return takes

    def _get_parameters(self) -> Any:
        """Those of a query with what the route asks as an example."""
        asked = (self.route.example or {}) if self.route.method == "GET" else {}
        return [
            {**each, "example": asked[each["name"]]} if each["name"] in asked else each
            for each in super()._get_parameters()
        ]

    def _get_request_body(self, *args: Any, **kwargs: Any) -> Any:
        body = super()._get_request_body(*args, **kwargs)
        if not body:
            return body
        for each in body["content"].values():
            each["example"] = self.route.example
        return {**body, "required": not self.route.optional}

    def _searched(self) -> Any:
        """What a search by example may hold."""
        whole: Any = {"type": "object", "properties": {}, "additionalProperties": False}
        for path in ("nonce", *self.view.searchable):
            *parts, name = path.split(".")
            shape, fields = whole, self.view.serializer(partial=True).fields
            for part in parts:
                empty = {"type": "object", "properties": {}, "additionalProperties": False}
                shape, fields = shape["properties"].setdefault(part, empty), fields[part].fields
            shape["properties"][name] = self._map_serializer_field(fields[name], "request")
        return whole

    def get_response_serializers(self) -> Any:
        name = "".join(
            part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]", self.route.name)
        )
        answers = {
            key: value() if isinstance(value, type) else value
            for key, value in self.route.answers.items()
        }
        envelope = inline_serializer(
            f"{name}Answer",
            {"success": serializers.BooleanField(), "message": serializers.CharField(), **answers},
        )
        return {200: envelope, 500: Error}

    def _get_response_bodies(self, *args: Any, **kwargs: Any) -> Any:
        refusals = {
            str(status): {"$ref": f"#/components/responses/{REFUSALS[status][0]}"}
            for status in self.refusals()
        }
        return dict(sorted({**super()._get_response_bodies(*args, **kwargs), **refusals}.items()))

    def refusals(self) -> list[int]:
        """The statuses that this call may be refused with."""
        route, verb = self.route, self.route.name.partition(":")[0]
        named = "<" in route.path or route.method == "PUT" or verb in ("import", "generate")
        clashes = (
            route.keyed
            or route.shown_once
            or route.method in ("PUT", "DELETE")
            or verb in ("accept", "refresh")
        )
        possible = {
            403: not route.public,
            404: named,
            409: clashes,
            413: route.takes,
            415: route.takes,
        }
        return [status for status in REFUSALS if possible.get(status, True)]
