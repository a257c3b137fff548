"""Every answer carries `X-Request-Id`: the caller's own when it looks sane, else a new one.

So does every log line that is written meanwhile.
"""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from otms import log

_SANE = re.compile(r"[A-Za-z0-9._:-]{8,128}\Z")


class RequestIdMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request.id = given if _SANE.match(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        with log.about(request_id=request.id):  # type: ignore[attr-defined]
            response = self.get_response(request)
        response["X-Request-Id"] = request.id  # type: ignore[attr-defined]
        return response
