"""Every answer tells browsers what they may not do with it; the API knows no cookies."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from otms import headers
from tests.conftest import Api

pytestmark = pytest.mark.django_db
SHOP = "https://shop.example"
PREFLIGHT = {
    "Origin": SHOP,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization",
}


def crash(*_: Any, **__: Any) -> Any:
    raise RuntimeError("on purpose")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 302),
        ("/nothing", 404),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/favicon.ico", 302),
        ("/static/integrations/admin.css", 200),
        ("/static/integrations/nothing.css", 404),
        ("/admin/login/", 200),
        ("/admin/", 302),
        ("/admin/nothing/", 302),
        ("/api/nothing", 404),
        ("/api/schema", 200),
        ("/api/docs", 200),
        ("/api/transportOrders/0/1", 401),
        ("/api/transportOrder", 405),
    ],
)
def test_every_answer_has_all_of_them(path: str, status: int) -> None:
    with closing(Client().get(path)) as answer:
        assert answer.status_code == status
        for name, value in headers.EVERYWHERE.items():
            assert answer[name] == value
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert "'unsafe-eval'" not in answer["Content-Security-Policy"] or "/admin" in path
        page = answer["Content-Type"].startswith("text/html") and "/admin" not in path
        assert ("style-src 'self';" in answer["Content-Security-Policy"]) is page
        api = path.startswith("/api")
        assert answer["Referrer-Policy"] == ("no-referrer" if api else "same-origin")
        if api or path.startswith("/admin"):
            assert "no-store" in answer["Cache-Control"]
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


def test_a_crash_and_a_wrong_host_have_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "django.contrib.sessions.middleware.SessionMiddleware.process_request", crash
    )
    for path in ("/admin/", "/api/nothing"):
        answer = Client(raise_request_exception=False).get(path)
        assert answer.status_code == 500
        assert answer["Content-Security-Policy"]
    monkeypatch.undo()
    for host in ("evil.example", "localhost:80@evil.example", "localhost\r\nX: y"):
        answer = Client().get("/admin/login/", headers={"Host": host})
        assert answer.status_code == 400
        assert answer["Content-Security-Policy"] == headers.ADMIN
        assert "evil.example" not in answer.headers.get("Location", "")


def test_the_host_is_not_taken_from_what_a_proxy_did_not_write(client: Client) -> None:
    answer = client.get("/admin/", headers={"X-Forwarded-Host": "evil.example"})
    assert "evil" not in answer["Location"]
    assert (
        Client().get("/admin/login/", headers={"X-Forwarded-Host": "evil.example"}).status_code
        == 200
    )


def test_no_page_of_another_origin_reads_the_api(api: Api) -> None:
    for origin in (SHOP, "null", "http://localhost", "http://testserver"):
        answer = api("GET", "transportOrders/0/1", headers={"Origin": origin})
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("Access-Control")]
        asked = Api()("OPTIONS", "transportOrder", headers={**PREFLIGHT, "Origin": origin})
        assert asked.status_code == 405
        assert not [name for name in asked.headers if name.startswith("Access-Control")]


def test_an_origin_that_is_named_may_call_without_cookies(api: Api, settings: LazySettings) -> None:
    settings.OTMS_CORS_ORIGINS = [SHOP]
    asked = Api()("OPTIONS", "transportOrder", headers=PREFLIGHT)
    assert (asked.status_code, asked.content) == (204, b"")
    assert asked["Access-Control-Allow-Origin"] == SHOP
    assert "Authorization" in asked["Access-Control-Allow-Headers"]
    assert "DELETE" in asked["Access-Control-Allow-Methods"]
    answer = api("GET", "transportOrders/0/1", headers={"Origin": SHOP})
    assert answer["Access-Control-Allow-Origin"] == SHOP
    assert "Retry-After" in answer["Access-Control-Expose-Headers"]
    assert "Origin" in answer["Vary"]
    refused = Api()("GET", "transportOrders/0/1", headers={"Origin": SHOP})
    assert (refused.status_code, refused["Access-Control-Allow-Origin"]) == (401, SHOP)
    for origin in ("https://shop.example.evil", "https://evil.example", "null", ""):
        found = api("GET", "transportOrders/0/1", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in found.headers
        assert "Origin" in found["Vary"]
    for found in (asked, answer):
        assert "Access-Control-Allow-Credentials" not in found.headers
    page = Client().get("/admin/login/", headers={"Origin": SHOP})
    assert "Access-Control-Allow-Origin" not in page.headers


def test_cookies_open_nothing_in_the_api(user: Any) -> None:
    caller = Client()
    caller.force_login(user)
    for path in ("transportOrders/0/1", f"user/{user.pk}/sessions/0/1"):
        assert caller.get(f"/api/{path}").status_code == 401
    answer = caller.post("/api/transportOrder", {"name": "x"}, content_type="application/json")
    assert answer.status_code == 401


def started(code: str, **variables: str) -> str:
    """What a process with these settings prints."""
    kept = {"OTMS_ENCRYPTION_KEYS", "OTMS_VAR"}  # without which nothing starts
    clean = {
        name: value
        for name, value in os.environ.items()
        if name in kept or not name.startswith("OTMS_")
    }
    done = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{code}"],
        env={**clean, "DJANGO_SETTINGS_MODULE": "otms.settings", **variables},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


OVER_TLS = """
from django.test import Client
answer = Client().get("/admin/login/", secure=True, headers={"Host": "localhost"})
print(answer["Strict-Transport-Security"])
for morsel in answer.cookies.values():
    print(morsel.OutputString())
there = Client().get("/admin/login/", headers={"Host": "localhost"})
print(there.status_code, there["Location"], there["Content-Security-Policy"][:18])
api = Client().get("/api/transportOrders/0/1", headers={"Host": "localhost"})
print(api.status_code, api["Location"], api["Content-Type"], len(api.content))
"""


def test_over_tls_browsers_stay_with_tls_and_cookies_are_for_this_host(tmp_path: Path) -> None:
    lines = started(OVER_TLS, OTMS_HTTPS="true", OTMS_VAR=str(tmp_path)).splitlines()
    assert lines[0] == "max-age=31536000; includeSubDomains"
    assert lines[-2] == "301 https://localhost/admin/login/ default-src 'none'"
    assert lines[-1] == "301 https://localhost/api/transportOrders/0/1 text/plain 0"
    (cookie,) = lines[1:-2]
    assert cookie.startswith("__Host-csrftoken=")
    parts = {part.partition("=")[0].strip().lower(): part for part in cookie.split(";")}
    assert {"secure", "httponly", "path", "samesite"} <= parts.keys()
    assert "domain" not in parts
    assert parts["path"].strip() == "Path=/"


SESSION = """
from django.conf import settings
for name in ("NAME", "SECURE", "HTTPONLY", "SAMESITE", "PATH", "DOMAIN"):
    print(getattr(settings, f"SESSION_COOKIE_{name}"))
"""


def test_the_session_is_kept_from_scripts_and_other_sites(tmp_path: Path) -> None:
    told = started(SESSION, OTMS_HTTPS="true", OTMS_VAR=str(tmp_path))
    assert told.split() == ["__Host-sessionid", "True", "True", "Lax", "/", "None"]
    told = started(SESSION, OTMS_HTTPS="false", OTMS_VAR=str(tmp_path))
    assert told.split() == ["sessionid", "False", "True", "Lax", "/", "None"]
