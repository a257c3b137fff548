"""Errors in one shape: a sentence a person can act on, the status, and the fields it is about."""

import logging
import sys
from collections.abc import Iterator
from math import ceil
from typing import Any

from django.core.exceptions import DisallowedHost, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import is_valid_path
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from otms import documents
from otms.address import caller_address
from otms.api.router import EXAMPLE_ID
from otms.db.full import is_full
from otms.db.sealing import UNREADABLE, CannotOpen

# Parts of the vendor's paths that are no part of this product: docs/reference/out-of-scope.md.
ABSENT = {
    "trip": "trips", "trips": "trips", "trips:customer": "trips", "tender": "tenders",
    "from-documents": "orders from documents", "widget": "widgets", "sensor": "sensors",
    "capacity": "capacities", "capacities": "capacities", "route": "routes", "chat": "chats",
    "charge": "charges", "payout": "payouts", "administration": "administrations",
    "actor": "actors", "saml": "SAML logins", "register": "registrations",
}  # fmt: skip
DEEPEST = 10  # parts of a path that are looked at for a hint; ours have fewer

log = logging.getLogger(__name__)


class Conflict(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is larger than this server accepts; send it in smaller parts."
    default_code = "too_large"


class Unavailable(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The database is busy or away at this moment; try again in a few seconds."
    default_code = "unavailable"
    wait = 5


class Full(Unavailable):
    """There is no room for more: what was sent is to be kept, and sent again later.

    `reason` says for programs what is full.
    """

    default_detail = (
        "The disk of the database is full, so nothing of this was stored: keep it, and send it "
        "again later. Whoever runs this server has to make room."
    )
    default_code = "disk_full"
    wait = 60

    def __init__(self, text: str | None = None, reason: str = "disk_full", wait: int = 60) -> None:
        super().__init__(text, reason)
        self.wait = wait
        self.errors = [{"field": "", "code": reason, "message": str(self.detail)}]


class Unreadable(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = f"The secrets that this needs {UNREADABLE}"
    default_code = "secrets_unreadable"


class FieldErrors(exceptions.APIException):
    """Several fields are wrong, each with its path: `dataSources[0].mapping.erp_id`."""

    status_code = status.HTTP_400_BAD_REQUEST

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """What went wrong, in the documented shape; nothing under /api answers HTML."""
    if isinstance(error, ModelValidationError):
        error = exceptions.ValidationError(as_detail(error))
    if isinstance(error, RequestDataTooBig):
        error = TooLarge()
    if isinstance(error, SuspiciousOperation):
        error = exceptions.ParseError("The request is malformed, or has too many parameters.")
    if isinstance(error, Http404):
        error = exceptions.NotFound(str(error) or None)
    request_id = getattr(context["request"], "id", None)
    if isinstance(error, OperationalError | InterfaceError):
        reason = " ".join(str(error).split())[:300]
        full = is_full(error)
        what = "the disk of the database is full" if full else "the database did not answer"
        log.error("%s: %s", what, reason, extra={"request": request_id})
        error = Full() if full else Unavailable()
    if isinstance(error, CannotOpen):
        log.error("%s", error, extra={"request": request_id})
        error = Unreadable()
    if not isinstance(error, exceptions.APIException):
        log.exception("a request failed", extra={"request": request_id})
        set_rollback()
        return Response(crashed(request_id), status=500)
    set_rollback()
    headers = dict(getattr(error, "rate_headers", {}))
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(ceil(wait))
    if isinstance(error, FieldErrors | Full):
        errors = error.errors
    elif isinstance(error, exceptions.ValidationError):
        errors = list(flatten(error.get_full_details()))
    else:
        errors = []
    text = message(error, errors)
    if not isinstance(error, Unavailable):
        _log_refusal(context["request"], error.status_code, text)
    answer = Response(body(error.status_code, text, errors), error.status_code, headers=headers)
    answer._has_been_logged = True  # type: ignore[attr-defined] # else Django does, with the path alone
    return answer


def _log_refusal(request: Any, code: int, text: str) -> None:
    """For support, who is asked why a call was refused."""
    extra = {"method": request.method, "path": request.path[:200], "status": code}
    extra |= {"address": caller_address(request), "request": getattr(request, "id", None)}
    log.warning("refused: %s", text[:300], extra=extra)


def body(code: int, text: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    return {"success": False, "message": text, "code": code, "errors": errors or []}


def message(error: exceptions.APIException, errors: list[dict[str, str]]) -> str:
    """One sentence for all: the only problem itself, or how many there are."""
    if not errors:
        return str(error.detail)
    first = (
        f"{errors[0]['field']}: {errors[0]['message']}"
        if errors[0]["field"]
        else errors[0]["message"]
    )
    return first if len(errors) == 1 else f"{first} ({len(errors) - 1} more in errors)"


def flatten(details: Any, path: str = "") -> Iterator[dict[str, str]]:
    """DRF's nested details as one list, each with the path of its field."""
    if (
        isinstance(details, dict)
        and set(details) == {"message", "code"}
        and isinstance(details["code"], str)
    ):
        yield {"field": path, "code": details["code"], "message": str(details["message"])}
    elif isinstance(details, dict):
        for key, value in details.items():
            if isinstance(key, int):
                yield from flatten(value, f"{path}[{key}]")
            else:
                yield from flatten(value, f"{path}.{key}" if path and key else path or key)
    elif isinstance(details, list):
        leaves = all(
            isinstance(item, dict) and set(item) == {"message", "code"} for item in details
        )
        for index, item in enumerate(details):
            yield from flatten(item, path if leaves else f"{path}[{index}]")


def as_detail(error: ModelValidationError) -> Any:
    return error.message_dict if hasattr(error, "error_dict") else error.messages


def crashed(request_id: str | None) -> dict[str, Any]:
    text = "Something went wrong on our side. It is in the log under this requestId."
    return {**body(500, text), "requestId": request_id}


def under_api(request: HttpRequest) -> bool:
    return request.path == "/api" or request.path.startswith("/api/")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: under /api the envelope, elsewhere Django's page."""
    if under_api(request):
        text = f"There is no {request.method} {request.path[:200]}; {_hint(request.path)}."
        return _answer(body(404, text), 404)
    from django.views.defaults import page_not_found

    return page_not_found(request, exception)


def _hint(path: str) -> str:
    """What was probably meant by a path that leads nowhere."""
    bare = path.rstrip("/")
    if path != bare and is_valid_path(bare):
        return "without the slash at its end there is"
    if is_valid_path(f"{bare}/0/20"):
        return f"a list is asked for by offset and amount: {bare}/0/20"
    parts = path.split("/")
    if absent := next((ABSENT[each] for each in parts[:DEEPEST] if each in ABSENT), ""):
        return f"{absent} are no part of this product (docs/reference/out-of-scope.md)"
    for place, part in enumerate(parts[:DEEPEST]):
        with_id = "/".join([*parts[:place], EXAMPLE_ID, *parts[place + 1 :]])
        if part and is_valid_path(with_id):
            return f"{part[:80]!r} is no id: an id is a UUID, such as {EXAMPLE_ID}"
    return "/api/schema lists what there is"


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500, for what fails before or after a view of ours."""
    if under_api(request):
        return _answer(crashed(getattr(request, "id", None)), 500)
    error = sys.exc_info()[1]
    full = error is not None and is_full(error)
    context = {
        "request_id": getattr(request, "id", ""),
        "unreadable": UNREADABLE if isinstance(error, CannotOpen) else "",
        "full": full,
    }
    return HttpResponse(render_to_string("500.html", context), status=503 if full else 500)


MALFORMED = "The request is malformed."
HOST = "The Host header names none of the hosts of this server; OTMS_ALLOWED_HOSTS lists them."


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400: a host that is not ours, a malformed request."""
    if under_api(request):
        return _answer(body(400, HOST if isinstance(exception, DisallowedHost) else MALFORMED), 400)
    from django.views.defaults import bad_request as page

    return page(request, exception)


def _answer(content: dict[str, Any], code: int) -> HttpResponse:
    return HttpResponse(documents.dumps(content), status=code, content_type="application/json")
