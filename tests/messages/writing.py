"""Somebody writes automations through the API."""

from typing import Any

from tests.conftest import Api

ENDS = {"subject": "s", "body": "b"}


def create(api: Api, automation: dict[str, Any], **fields: Any) -> Any:
    return api.ok("POST", "messageAutomation", {**automation, **fields})["messageAutomation"]


def carried_out(api: Api, made: Any) -> Any:
    """The integration that does it."""
    return api.ok("GET", f"integration/{made['id']}")["integration"]


def told(api: Api, path: str, body: Any, method: str = "POST") -> dict[str, str]:
    """The code of each problem, by its field."""
    errors = api.refused(method, path, body)["errors"]
    return {each["field"]: each["code"] for each in errors}
