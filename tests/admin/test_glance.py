"""The first page shows an integration's day and what needs a person, and keeps up by itself."""

import re
from datetime import UTC, datetime, timedelta
from math import inf
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import now
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from integrations import glance
from integrations.admin import overview
from integrations.admin.links import page_of
from integrations.models import Counter, Gate, Integration, Status
from integrations.models.counter import BUCKETS
from integrations.models.gate import FOREVER
from tests import make
from tests.admin.conftest import Browser, queued, without_tags

pytestmark = pytest.mark.django_db


def count(integration: Integration, back: timedelta, **counts: int) -> None:
    minute = (now() - back).replace(second=0, microsecond=0)
    Counter.objects.create(
        integration=integration, platform_id=integration.platform_id, minute=minute, **counts
    )


def page(browser: Browser) -> str:
    return browser.html(reverse("admin:index"))


def wanted(browser: Browser) -> list[str]:
    """What needs a person, as it is read."""
    section = page(browser).partition("What needs a person")[2].partition("</section>")[0]
    items = re.findall(r"<li.*?</li>", section, re.DOTALL)
    return [" ".join(without_tags(each).split()) for each in items]


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({}, None),
        ({0: 100}, 0.1),
        ({0: 95, 1: 5}, 0.1),
        ({0: 94, 1: 6}, 0.25),
        ({3: 1}, 1),
        ({0: 1, 9: 19}, inf),
    ],
)
def test_within_what_time_most_was_is_in_a_histogram(
    counts: dict[int, int], found: float | None
) -> None:
    histogram = [counts.get(place, 0) for place in range(len(BUCKETS))]
    assert glance.within(histogram, 0.95) == found


def test_a_day_is_by_the_hour_and_of_each_integration_alone(own: SimpleNamespace) -> None:
    other = make.integration(platform=own.platform)
    count(own.integration, timedelta(hours=30), sent=1000)
    count(own.integration, timedelta(hours=5), sent=3, failed=1, delays_100=4)
    count(own.integration, timedelta(hours=5, minutes=1), sent=0, failed=0)
    count(other, timedelta(), sent=7)
    days = glance.of([own.integration, other])
    day = days[own.integration.pk]
    assert len(day.hours) == glance.HOURS
    assert (day.sent, day.failed, day.most) == (3, 1, 4)
    assert day.p95 == 0.1
    assert [each.sent for each in days[other.pk].hours][-1] == 7
    assert days[other.pk].p95 is None


def test_hours_are_whole_ones_wherever_the_viewer_is(own: SimpleNamespace) -> None:
    count(own.integration, timedelta(), sent=1)
    count(own.integration, timedelta(hours=5), sent=2)
    with timezone.override("Asia/Kolkata"):  # half an hour beside most others
        assert glance.of([own.integration])[own.integration.pk].sent == 3


def test_what_is_over_is_added_up_once(own: SimpleNamespace, monkeypatch: Any) -> None:
    cache.clear()
    noon = datetime(2026, 11, 30, 12, tzinfo=UTC)

    def day(at: datetime) -> list[int]:
        monkeypatch.setattr(glance, "now", lambda: at)
        return [each.sent for each in glance.of([own.integration])[own.integration.pk].hours]

    def counted(at: datetime, sent: int) -> None:
        rows = Counter.objects.of(own.platform)
        row = {"integration": own.integration, "platform": own.platform, "minute": at}
        rows.update_or_create({"sent": sent}, **row)

    counted(noon - timedelta(hours=3), 5)
    counted(noon - timedelta(minutes=1), 1)
    assert day(noon)[-4:] == [5, 0, 1, 0]
    counted(noon - timedelta(minutes=1), 2)  # it was under way when the hour turned
    counted(noon, 3)
    counted(noon - timedelta(hours=3), 99)  # nobody does
    assert day(noon + timedelta(minutes=4))[-4:] == [5, 0, 2, 3]
    assert day(noon + timedelta(minutes=6))[-4:] == [99, 0, 2, 3]
    assert day(noon + timedelta(hours=1))[-4:] == [0, 2, 3, 0]


def test_the_first_page_shows_the_day_of_each(own: SimpleNamespace, browser: Browser) -> None:
    count(own.integration, timedelta(), sent=1200, failed=30, delays_500=1200)
    html = page(browser)
    assert 'aria-label="The last 24 hours: 1,200 sent, 30 failed"' in html
    read = " ".join(without_tags(html.partition("Integrations</h2>")[2]).split())
    assert "1200 sent, 30 failed 95% within 500 ms" in read, read[:300]


def test_a_part_that_renews_itself_leaves_a_message_to_the_page_that_shows_it(
    own: SimpleNamespace, browser: Browser
) -> None:
    page = reverse("admin:integrations_integration_change", args=[own.integration.pk])
    answer = browser.client.post(page, {**browser.fields(page), "name": "Named anew"})
    assert answer.status_code == 302
    home = reverse("admin:index")
    live = browser.client.get(home, headers={"X-Requested-With": "live"})
    assert live.status_code == 200
    told = "was changed successfully"
    assert told in browser.html(home)
    assert told not in browser.html(home)


def test_it_is_asked_for_anew_by_itself(own: SimpleNamespace, browser: Browser) -> None:
    html = page(browser)
    assert re.search(r'<div [^>]*id="now" data-live="5"', html)
    assert "integrations/live" in html


def test_what_needs_a_person_comes_first(own: SimpleNamespace, browser: Browser) -> None:
    assert wanted(browser) == []
    own.row.delete()
    order = make.OrderFactory(platform=own.platform, name="4711")
    queued(own.integration, order, status=Status.ERROR, holds_lane=True, due_at=None)
    (said,) = wanted(browser)
    assert said.startswith("own-integration has one that failed and holds up what came after")
    gates = Gate.objects.filter(pk=own.integration.pk)
    gates.update(paused_until=FOREVER, pause_reason="It is gone.")
    assert wanted(browser)[0] == (
        "own-integration is suspended until somebody resumes it: It is gone."
    )


def test_who_does_not_deliver_and_who_does_not_wake_them_is_said(
    own: SimpleNamespace, browser: Browser
) -> None:
    own.row.delete()
    theirs = make.integration()
    order = make.OrderFactory(platform=theirs.platform)
    before = now() - timedelta(minutes=10)
    queued(theirs, order, due_at=before)
    Gate.objects.filter(pk=theirs.pk).update(served_at=before)
    every = IntervalSchedule.objects.create(every=10, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.create(name="tick", task="tick", interval=every, last_run_at=before)
    cache.delete(overview.OVERLOOKED)  # others have looked
    nobody, beat = wanted(browser)
    assert nobody == "Deliveries are due for a minute, and no worker takes them: is one running?"
    assert beat.startswith("Nothing was scheduled since 20")


def test_it_takes_no_more_statements_for_more_integrations(
    own: SimpleNamespace, browser: Browser
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            page(browser)
        return len(seen)

    few = asked()
    for _ in range(5):
        made: Any = make.integration(platform=own.platform)
        count(made, timedelta(), sent=1)
    assert asked() <= max(few, 20)
    assert asked() <= 20


def test_the_page_of_an_integration_begins_with_how_it_goes(
    own: SimpleNamespace, browser: Browser
) -> None:
    count(own.integration, timedelta(hours=1), sent=12, failed=1, delays_100=12)
    html = browser.html(page_of(own.integration))
    top = html.partition('id="glance"')[2].partition("</section>")[0]
    read = " ".join(without_tags(top).split())
    assert "In 24 hours 12 sent, 1 failed 95% within 100 ms" in read
    assert "Paused:" not in html
    own.integration.switch(False)
    html = browser.html(page_of(own.integration))
    assert "changes that are saved meanwhile are not queued for it, nor later" in html


def test_the_page_of_an_integration_stops_it_and_lets_it_go_on(
    own: SimpleNamespace, browser: Browser
) -> None:
    where = page_of(own.integration)
    for verb, other, enabled in (("pause", "resume", False), ("resume", "pause", True)):
        html = browser.html(where)
        assert f'action="../{verb}/"' in html
        assert f'action="../{other}/"' not in html
        answer = browser.client.post(f"{where.removesuffix('change/')}{verb}/", follow=True)
        assert answer.redirect_chain[-1][0] == where
        own.integration.refresh_from_db()
        assert own.integration.enabled is enabled
    assert browser.client.get(f"{where.removesuffix('change/')}pause/").status_code == 405
    may = ["get:integration"]
    looks = Browser(make.UserFactory(platform=own.platform, is_staff=True, role="", may=may))
    assert "../pause/" not in looks.html(where)
    refused = looks.client.post(f"{where.removesuffix('change/')}pause/")
    assert refused.status_code == 403
