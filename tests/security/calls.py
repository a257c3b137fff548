"""Calls and pages with secrets where they belong, where they do not, and in views that break."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from integrations.models import IntegrationObject, RequestLog
from otms.api.request_id import RequestIdMiddleware
from tests import make
from tests.admin.conftest import Browser
from tests.admin.pages import every_page
from tests.admin.records import RECORDS
from tests.conftest import Api
from tests.security.day import Day
from tests.security.planted import Planted

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/reference/openapi.json").read_text(encoding="utf-8"))


def write_only(schema: Any, prefix: str = "") -> Iterator[str]:
    """The paths of the secrets in a body, as the API's own description tells them."""
    if ref := schema.get("$ref"):
        schema = SCHEMA["components"]["schemas"][ref.rpartition("/")[2]]
    for name, field in schema.get("properties", {}).items():
        if field.get("writeOnly"):
            yield f"{prefix}{name}"
        if field.get("properties") or field.get("$ref"):
            yield from write_only(field, f"{prefix}{name}.")


def nested(path: str, value: Any) -> dict[str, Any]:
    first, dot, rest = path.partition(".")
    return {first: nested(rest, value) if dot else value}


def every_call_that_takes_a_secret(planted: Planted, day: Day, api: Api) -> int:
    """With the secret right but for the rest, wrong, too long, of another type, and broken."""
    seen = 0
    for path, methods in SCHEMA["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            names = list(write_only(content.get("application/json", {}).get("schema", {})))
            for name in names:
                seen += 1
                place = f"{method} {path} {name}"
                where = path.removeprefix("/api/").replace("{id}", make.PlatformFactory().pk.hex)
                value = planted.mixed(place)
                for sent in (value, [value], {value: value}, value * 200):
                    body = {"username": "ann", **nested(name, sent)}
                    cache.clear()
                    key = {"Idempotency-Key": planted.text(f"{place} key")}
                    day.note(place, api(method.upper(), where, body, headers=key))
                broken = f'{{"{name}": "{planted.text(place + " broken")}"'.encode()
                day.note(place, api(method.upper(), where, broken))
    return seen


def every_header_and_query(planted: Planted, day: Day, browser: Browser) -> None:
    """Tokens that are unknown, of each kind, where tokens stand and where they should not."""
    for prefix in ("", "otms_pat_", "otms_int_", "otms_app_", "a.b."):
        token = planted.text(f"bearer {prefix}", prefix + "{}")
        for scheme in ("Bearer", "Basic", "Token"):
            caller = Api(Authorization=f"{scheme} {token}")
            day.note(f"{scheme} {prefix}", caller("GET", "transportOrders/0/1"))
    pair = {
        "X-API-Key": planted.text("X-API-Key"),
        "X-API-Secret": planted.text("X-API-Secret"),
        "Cookie": f"sessionid={planted.text('cookie')}",
    }
    day.note("pair", Api(**pair)("GET", "transportOrders/0/1"))
    for name in ("token", "access_token", "key", "password"):
        query = f"{name}={planted.text(f'query {name}')}"
        day.note(f"?{name}", Api()("GET", f"transportOrders/0/1?{query}"))
        day.note(f"?{name}", Api()("GET", f"nowhere?{query}"))
        day.note(f"?{name}", browser.client.get(f"/admin/nowhere/?{query}"))


def a_fault_of_ours(
    planted: Planted, day: Day, api: Api, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view breaks with the secret in its hands."""
    secret = planted.mixed("in the hands of a view that breaks")

    def breaks(*args: Any, **kwargs: Any) -> Any:
        held = {"secret": secret}
        raise RuntimeError(f"it broke with {len(held)} in its hands")

    with monkeypatch.context() as broken:
        broken.setattr("otms.orders.views.TransportOrderViewSet.create", breaks)
        broken.setattr("integrations.definition.shown", breaks)
        browser.client.raise_request_exception = False
        body = {"name": "x", "password": secret}
        day.note("a fault", api("POST", "transportOrder", body))
        day.note("a fault", api("GET", "integrations/0/10"))
    with monkeypatch.context() as broken:
        broken.setattr(RequestIdMiddleware, "__call__", breaks)
        for where in ("/api/transportOrders/0/1", reverse("admin:login")):
            client = Client(raise_request_exception=False)
            day.note("a fault before the view", client.get(where))


def some(rows: Any) -> list[Any]:
    """Twenty of them, from everywhere: pages show what the tables hold, and those are read."""
    found = list(rows)
    return found[:: max(1, len(found) // 20)]


def everything_that_is_read(day: Day, api: Api, browser: Browser, own: Any) -> None:
    """Every list and record over the API, every page of the admin."""
    for path, methods in SCHEMA["paths"].items():
        if "get" in methods and "{id}" not in path and "{app}" not in path:
            where = path.removeprefix("/api/").replace("{offset}/{amount}", "0/200")
            day.note(path, api("GET", where))
    for integration in some(api("GET", "integrations/0/200").json()["integrations"]):
        for part in ("objects", "logs", "requestLogs"):
            day.note(part, api("GET", f"integration/{integration['id']}/{part}/0/200"))
        for name in ("integrations_integration_change", "integrations_integration_history"):
            page = reverse(f"admin:{name}", args=[integration["id"]])
            day.note(name, browser.client.get(page, follow=True))
    for row in some(IntegrationObject.objects.of(own.platform)):
        day.note("object", api("GET", f"integration/object/{row.uuid}"))
        page = reverse("admin:integrations_integrationobject_change", args=[row.pk])
        day.note("object page", browser.client.get(page, follow=True))
    for row in some(RequestLog.objects.of(own.platform)):
        page = reverse("admin:integrations_requestlog_change", args=[row.pk])
        day.note("request page", browser.client.get(page, follow=True))
    for address in every_page(own, RECORDS):
        day.note(address, browser.client.get(address, follow=True))
