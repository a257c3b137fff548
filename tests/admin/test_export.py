"""A list is taken along as a file: what it shows, and no more."""

import csv
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations.admin import export
from integrations.models import IntegrationObject, Log, RequestLog
from tests import make
from tests.admin.conftest import Browser, queued, staff

pytestmark = pytest.mark.django_db


def taken(browser: Browser, model: Any, **narrowed: str) -> list[dict[str, str]]:
    where = reverse(f"admin:integrations_{model._meta.model_name}_export")
    answer = browser.client.get(where, narrowed)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    text = b"".join(answer).decode("utf-8-sig")
    return list(csv.DictReader(StringIO(text)))


@pytest.mark.parametrize("model", [IntegrationObject, Log, RequestLog])
def test_a_list_has_its_file(
    model: Any, own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    rows = taken(browser, model)
    assert {row["integration"] for row in rows} == {"own-integration"}
    assert rows[0]["reference"] == "own-order"
    assert rows[0]["object"] == str(own.row.uuid)
    address = reverse(f"admin:integrations_{model._meta.model_name}_changelist")
    narrowed = f"integration__id__exact={own.integration.pk}"
    assert f'href="export/?{narrowed}"' in browser.html(f"{address}?{narrowed}")


def test_what_no_list_can_be_narrowed_by_is_refused(own: SimpleNamespace, browser: Browser) -> None:
    where = reverse("admin:integrations_log_export")
    assert browser.client.get(where, {"integration__id__exact": "nobody"}).status_code == 400


def test_it_is_narrowed_as_the_list_is(own: SimpleNamespace, browser: Browser) -> None:
    queued(own.integration, make.OrderFactory(platform=own.platform, name="4711"))
    assert [row["reference"] for row in taken(browser, IntegrationObject, q="4711")] == ["4711"]
    assert taken(browser, IntegrationObject, status__exact="SUCCESS") == []


def test_no_name_becomes_a_formula(own: SimpleNamespace, browser: Browser) -> None:
    order = make.OrderFactory(platform=own.platform, name='=HYPERLINK("http://x","y")')
    queued(own.integration, order)
    (newest, *_) = taken(browser, IntegrationObject)
    assert newest["reference"] == '\'=HYPERLINK("http://x","y")'


def test_it_is_read_in_portions_and_bounded(
    own: SimpleNamespace, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "AT_ONCE", 2)
    for place in range(4):
        queued(own.integration, make.OrderFactory(platform=own.platform, name=f"N{place}"))
    with CaptureQueriesContext(connection) as seen:
        found = [row["reference"] for row in taken(browser, IntegrationObject)]
    assert found == ["N3", "N2", "N1", "N0", "own-order"]
    assert not any(" OFFSET " in each["sql"] for each in seen)
    monkeypatch.setattr(export, "MOST", 2)
    *rows, last = taken(browser, IntegrationObject)
    assert [row["reference"] for row in rows] == ["N3", "N2"]
    assert last["time"].startswith("The newest 2")


def test_who_may_not_see_the_list_gets_no_file(own: SimpleNamespace) -> None:
    helper = Browser(staff(own.platform, username="nina", role=""))
    for model in (IntegrationObject, Log, RequestLog):
        where = reverse(f"admin:integrations_{model._meta.model_name}_export")
        assert helper.client.get(where).status_code == 403
