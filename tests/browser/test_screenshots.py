"""What the pages look like: on a desk and on a phone, light and dark.

`make screenshots` puts the pictures into docs/screenshots; else they are only made.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.browser.chromium import Chromium
from tests.browser.journey import Journey
from tests.browser.test_journeys import integration, order, statuses, until
from tests.run.conftest import Run
from tests.sink import Sink

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
MAPPING = {
    "order": "$.transportOrder.name",
    "customer": {"$path": "$.transportOrder.customer.name", "$default": "unknown"},
    "state": {"$path": "$.transportOrder.status", "$lookup": {"requested": 10, "planned": 20}},
    "source": "OTMS",
}
WIDTHS = {"desk": 1440, "phone": 390}
THEMES = ("light", "dark")
LISTS = {
    "queue": "integrations/integrationobject/",
    "logs": "integrations/log/",
    "requests": "integrations/requestlog/",
    "tasks": "integrations/task/",
    "alerts": "integrations/alert/",
    "integrations": "integrations/integration/",
    "first-integration": "integrations/integration/first/",
    "import": "integrations/integration/import/",
    "app-store": "integrations/appinstallation/",
    "automations": "integrations/messageautomation/",
    "templates": "integrations/messagetemplate/",
    "recipients": "integrations/alertrecipient/",
    "schedules": "django_celery_beat/periodictask/",
    "orders": "orders/transportorder/",
    "businesses": "orders/business/",
    "files": "integrations/file/",
    "mails": "integrations/email/",
    "users": "accounts/user/",
    "audit-trail": "accounts/auditentry/",
}


def pages(demo: Run, sink: Sink) -> dict[str, str]:
    """The pages by their names, with something on each of them."""
    sink.answers("/orders", "/status/422")
    made = integration(
        demo,
        sink.url("/orders"),
        name="Planning",
        dataSources=[
            {"connector": "webhook", "settings": {"url": sink.url("/orders")}, "mapping": MAPPING}
        ],
        filters=[{"field": "$.transportOrder.status", "operator": "ne", "value": "draft"}],
    )
    kept = order(demo, "Rotterdam - Bremen", customer={"name": "Acme Corp"})
    until(lambda: statuses(demo, made) == ["ERROR"])
    shown = demo.api("GET", f"integration/{made}/objects/0/1")["objects"][0]
    one = f"integrations/integration/{made}"
    return {
        "home": "",
        **LISTS,
        "integration": f"{one}/change/",
        "workbench": f"{one}/workbench/",
        "replay": f"{one}/replay/",
        "credentials": f"{one}/credentials/",
        "signing": f"{one}/signing/",
        "duplicate": f"{one}/duplicate/",
        "object": f"integrations/integrationobject/{shown['id']}/change/",
        "order": f"orders/transportorder/{kept['id']}/change/",
        "where-is-it": "integrations/integrationobject/where/?q=Acme+Corp",
    }


def test_pages_are_pictured(
    demo: Run, sink: Sink, window: Chromium, tmp_path: Path, figure: Any
) -> None:
    journey = Journey(window, demo.url)
    journey.log_in(demo.kept["OTMS_ADMIN_USER"], demo.kept["OTMS_ADMIN_PASSWORD"])
    folder = Path(os.environ.get("OTMS_SCREENSHOTS") or tmp_path)
    folder.mkdir(exist_ok=True)
    wide: list[str] = []
    count = size = 0
    shown = pages(demo, sink)
    for name, address in shown.items():
        for theme in THEMES:
            window.evaluate(f"localStorage.setItem('adminTheme', JSON.stringify('{theme}'))")
            for kind, width in WIDTHS.items():
                window.resize(width, 900, dark=theme == "dark")
                assert window.open(f"{demo.url}/admin/{address}") == 200, address
                if window.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    wide.append(f"{name} on a {kind}")
                picture = window.screenshot(scale=0.5 if kind == "desk" else 1)
                (folder / f"{name}-{kind}-{theme}.webp").write_bytes(picture)
                count, size = count + 1, size + len(picture)
    for language in ("nl", "de"):  # whose words are longer
        window.evaluate(f"document.cookie = '{settings.LANGUAGE_COOKIE_NAME}={language}; path=/'")
        for name, address in shown.items():
            assert window.open(f"{demo.url}/admin/{address}") == 200, address
            assert window.evaluate("document.documentElement.lang") == language
            if window.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wide.append(f"{name} on a phone, in {language}")
        for theme, (kind, width) in zip(THEMES, WIDTHS.items(), strict=True):
            window.evaluate(f"localStorage.setItem('adminTheme', JSON.stringify('{theme}'))")
            window.resize(width, 900, dark=theme == "dark")
            window.open(f"{demo.url}/admin/")
            picture = window.screenshot(scale=0.5 if kind == "desk" else 1)
            (folder / f"home-{kind}-{theme}.{language}.webp").write_bytes(picture)
            count, size = count + 1, size + len(picture)
    assert not wide, f"wider than the window: {wide}"
    figure(f"{count} pictures of the pages, {size / 1024:.0f} KiB")
