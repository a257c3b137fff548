"""`/metrics`, for Prometheus: outside the API, and only for who shows the deployment's token."""

from django.conf import settings
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare

from integrations import metrics as families


def metrics(request: HttpRequest) -> HttpResponse:
    """What is counted and what waits, of all platforms; without a token there is no such page."""
    if not settings.OTMS_METRICS_TOKEN:
        raise Http404
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    known = constant_time_compare(token.strip(), settings.OTMS_METRICS_TOKEN)
    if scheme.lower() != "bearer" or not known:
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    try:
        text, content_type = families.text(request.headers.get("Accept", ""))
    except Error:
        return HttpResponse("The database does not answer.", "text/plain", 503)
    return HttpResponse(text, content_type, headers={"Cache-Control": "no-store"})
