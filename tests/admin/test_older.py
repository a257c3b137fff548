"""Lists of what happened: page behind page, by the number of a row and never by how many."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations.admin import log
from integrations.models import IntegrationObject, Level, Log, RequestLog
from otms.accounts.models import AuditEntry
from tests import make
from tests.admin.conftest import Browser, queued, without_tags

pytestmark = pytest.mark.django_db
LOGS = "admin:integrations_log_changelist"


def lines(own: SimpleNamespace, count: int, word: str = "line") -> None:
    rows = [own.row.line(Level.INFO, "told", f"{word} {number}") for number in range(count)]
    Log.objects.bulk_create(rows)


def older(html: str) -> str:
    """Where "Older" leads; "" if there is no such link."""
    found = re.search(r'href="([^"]*)"[^>]*>Older<', html)
    return found[1].replace("&amp;", "&") if found else ""


@pytest.mark.parametrize("model", [IntegrationObject, Log, RequestLog, AuditEntry])
def test_every_row_is_on_one_page(model: Any, own: SimpleNamespace, browser: Browser) -> None:
    for _ in range(60):
        queued(own.integration, own.order)
    if model is AuditEntry:
        for number in range(60):
            make.UserFactory(platform=own.platform, username=f"u{number}")
        entries = AuditEntry.objects.of(own.platform)
        one = entries.first()
        AuditEntry.objects.bulk_create(
            [
                AuditEntry(
                    platform=own.platform,
                    action=one.action,
                    entity=one.entity,
                    entity_id=one.entity_id,
                    actor_kind=one.actor_kind,
                    actor_id=one.actor_id,
                    actor_name=one.actor_name,
                )
                for _ in range(60)
            ]
        )
    meta = model._meta
    where = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    seen: list[int] = []
    address = where
    while address:
        answer = browser.client.get(address)
        assert answer.status_code == 200
        seen += [row.pk for row in answer.context["cl"].result_list]
        following = older(answer.content.decode())
        address = f"{where}{following}" if following else ""
        assert len(seen) < 500
    known = model.objects.of(own.platform).order_by("-pk").values_list("pk", flat=True)
    assert [pk for pk in known if pk <= seen[0]] == seen
    assert len(seen) > 50
    assert "There is nothing older." in answer.content.decode()


def test_a_page_behind_is_found_by_a_number_and_not_by_how_many(
    own: SimpleNamespace, browser: Browser
) -> None:
    lines(own, 120)
    following = older(browser.html(reverse(LOGS)))
    with CaptureQueriesContext(connection) as captured:
        browser.html(f"{reverse(LOGS)}{following}")
    asked = [each["sql"] for each in captured if 'FROM "integrations_log"' in each["sql"]]
    rows = [sql for sql in asked if "ORDER BY" in sql and "LIMIT 51" in sql]
    assert len(rows) == 1
    assert "OFFSET" not in rows[0]
    assert not any("COUNT(" in sql for sql in asked)


def test_what_comes_in_meanwhile_moves_no_page(own: SimpleNamespace, browser: Browser) -> None:
    lines(own, 60)
    following = older(browser.html(reverse(LOGS)))
    before = without_tags(browser.html(f"{reverse(LOGS)}{following}"))
    lines(own, 10, "meanwhile")
    after = without_tags(browser.html(f"{reverse(LOGS)}{following}"))
    assert re.findall(r"line \d+", before) == re.findall(r"line \d+", after)


@pytest.mark.parametrize("page", ["-1", "0", "99999999999999999999999", "x"])
def test_a_page_that_is_none_is_no_fault(page: str, browser: Browser) -> None:
    assert browser.open(f"{reverse(LOGS)}?p={page}").status_code == 200


def test_words_are_looked_for_in_one_integration(
    own: SimpleNamespace, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines(own, 1, "a pallet is missing")
    lines(own, 5, "other")
    anywhere = f"{reverse(LOGS)}?q=PALLET+is"
    assert "a pallet is missing" not in browser.html(anywhere)
    here = f"{anywhere}&integration__id__exact={own.integration.pk}"
    html = without_tags(browser.html(here))
    assert "a pallet is missing 0" in html
    assert "other 1" not in html
    # What an object is called comes first.
    assert "own-order was refused" in browser.html(here.replace("PALLET+is", "own-order"))
    assert browser.open(here.replace("PALLET+is", "%00")).status_code == 200
    # No further back than a number of lines.
    monkeypatch.setattr(log, "LOOKED_THROUGH", 5)
    assert "a pallet is missing" not in browser.html(here)


def test_requests_are_found_by_their_address(own: SimpleNamespace, browser: Browser) -> None:
    where = reverse("admin:integrations_requestlog_changelist")
    chosen = f"integration__id__exact={own.integration.pk}"
    assert "127.0.0.1/own-order" in browser.html(f"{where}?{chosen}&q=0.1/own")
    assert "127.0.0.1/own-order" not in without_tags(browser.html(f"{where}?{chosen}&q=0.1/other"))


def test_what_is_counted_as_none_is_not_looked_for_once_more(
    browser: Browser, own: SimpleNamespace
) -> None:
    address = reverse("admin:orders_transportorder_changelist")
    for asked, times in (("nothing", 1), ("own-order", 2)):
        with CaptureQueriesContext(connection) as captured:
            assert ("own-order" in browser.html(f"{address}?q={asked}&all=")) == (times == 2)
        assert sum("LIKE" in each["sql"] for each in captured) == times
