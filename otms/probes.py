"""What a load balancer or a container platform asks, outside the API and without a credential."""

from django.http import HttpRequest, JsonResponse

from otms.readiness import Readiness


def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers; it says nothing about database or broker."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """Calls can be answered: the database is there, and is what this version needs."""
    found = Readiness.now()
    status = "ready" if found.is_ready else "not ready"
    answer = JsonResponse(
        {"status": status, **found._asdict()}, status=200 if found.is_ready else 503
    )
    answer["Cache-Control"] = "no-store"
    return answer
