"""OpenAPI from the routes: operation ids, bodies and the envelope."""

import re
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers

from otms.api.idempotency import HEADER, LONGEST
from otms.api.paging import MOST
from otms.api.router import Route, actions
from otms.api.serializers import Error

PATH_PARAMETERS = (
    OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH),
    OpenApiParameter(
        "offset",
        {"type": "integer", "minimum": 0},
        OpenApiParameter.PATH,
        description="How many rows to pass over, newest first.",
    ),
    OpenApiParameter(
        "amount",
        {"type": "integer", "minimum": 1, "maximum": MOST},
        OpenApiParameter.PATH,
        description="How many rows to answer.",
    ),
)
IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="Repeated with the same key, the call has its effect once and its first answer.",
)


class RouteSchema(AutoSchema):
    view: Any

    @property
    def route(self) -> Route:
        return actions(type(self.view))[self.view.action]

    def get_operation_id(self) -> str:
        return self.route.name

    def get_tags(self) -> list[str]:
        return [getattr(self.view, "tag", None) or self.route.path.split("/")[0].split(":")[0]]

    def get_auth(self) -> list[dict[str, list[str]]]:
        return [{}] if self.route.public else [{"bearer": []}, {"apiKey": [], "apiSecret": []}]

    def get_override_parameters(self) -> list[Any]:
        in_path = [each for each in PATH_PARAMETERS if f":{each.name}>" in self.route.path]
        keyed = [IDEMPOTENCY_KEY] if self.route.keyed else []
        return [*in_path, *([self.route.query] if self.route.query else []), *keyed]

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False  # a list stands inside the envelope, as one of its keys

    def _map_serializer(self, serializer: Any, *args: Any, **kwargs: Any) -> Any:
        schema = super()._map_serializer(serializer, *args, **kwargs)
        if not vars(type(serializer)).get("__doc__"):
            schema.pop("description", None)  # the base class's, which is for us
        return schema

    def _map_serializer_field(self, field: Any, *args: Any, **kwargs: Any) -> Any:
        schema = super()._map_serializer_field(field, *args, **kwargs)
        if schema.get("oneOf") == [{}, {"type": "null"}]:
            del schema["oneOf"]  # null is any value already, and may not match two of one
        return schema

    def get_request_serializer(self) -> Any:
        return self.route.takes

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
        return {200: envelope, "default": Error}
