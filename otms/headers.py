"""What every answer tells a browser not to do with it: docs/reference/security-headers.md."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), "
    "payment=(), usb=()",
}
# Nothing that is not meant to be a page may become one.
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Pages of a few words: one that says what is not there.
PAGE = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# What the admin's theme cannot do without: its Alpine makes functions of attributes, which takes
# 'unsafe-eval'; its colours are a style element in the page.
ADMIN = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
CORS_METHODS = "GET, POST, PUT, DELETE"
CORS_HEADERS = "Authorization, Content-Type, Idempotency-Key, X-API-Key, X-API-Secret, X-Request-Id"
CORS_SHOWN = "Idempotency-Replayed, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
CORS_SECONDS = "600"


class HeadersMiddleware:
    """The outermost but one: redirects, refusals, crashes and static files pass here too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        api = request.path == "/api" or request.path.startswith("/api/")
        page = request.path.startswith("/admin/")
        allowed = api and request.headers.get("Origin", "") in settings.OTMS_CORS_ORIGINS
        asked = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        answer = HttpResponse(status=204) if allowed and asked else self.get_response(request)
        for name, value in EVERYWHERE.items():
            answer.headers[name] = value
        if api and 300 <= answer.status_code < 400:
            answer.headers["Content-Type"] = "text/plain"  # it has no body, whatever Django says
        answer.headers["Referrer-Policy"] = "no-referrer" if api else "same-origin"
        words = not api and answer.headers.get("Content-Type", "").startswith("text/html")
        policy = ADMIN if page else PAGE if words else NOTHING
        answer.headers.setdefault("Content-Security-Policy", policy)
        if api or page:
            answer.headers.setdefault("Cache-Control", "no-store")
        if api and settings.OTMS_CORS_ORIGINS:
            patch_vary_headers(answer, ["Origin"])
        if allowed:
            answer.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            answer.headers["Access-Control-Expose-Headers"] = CORS_SHOWN
        if allowed and asked:
            answer.headers["Access-Control-Allow-Methods"] = CORS_METHODS
            answer.headers["Access-Control-Allow-Headers"] = CORS_HEADERS
            answer.headers["Access-Control-Max-Age"] = CORS_SECONDS
        return answer
