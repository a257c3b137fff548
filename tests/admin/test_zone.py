"""Times are those of who looks: their browser says which clock they have."""

import re
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Log
from otms.accounts.zone import COOKIE
from otms.orders.models import Event
from tests import make
from tests.admin.conftest import Browser, without_tags

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def noon(own: SimpleNamespace) -> None:
    at = datetime(2026, 3, 22, 12, 0, 0, tzinfo=UTC)
    Log.objects.of(own.platform).update(created_at=at)
    own.event.date_time = at
    own.event.save()


def times(browser: Browser, zone: str) -> set[str]:
    browser.client.cookies[COOKIE] = zone
    html = without_tags(browser.html(reverse("admin:integrations_log_changelist")))
    return set(re.findall(r"2026-03-2\d \d\d:\d\d:\d\d", html))


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Europe/Amsterdam", "2026-03-22 13:00:00"),
        ("Pacific/Auckland", "2026-03-23 01:00:00"),
        ("Etc/GMT+5", "2026-03-22 07:00:00"),
        ("UTC", "2026-03-22 12:00:00"),
    ],
)
def test_times_are_those_of_the_browser(browser: Browser, zone: str, shown: str) -> None:
    assert times(browser, zone) == {shown}
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.parametrize(
    "zone", ["", "Nowhere/Else", "../../etc/passwd", "/etc/passwd", "a" * 100, "Europe", "\u00e9"]
)
def test_a_zone_that_is_none_changes_nothing(browser: Browser, zone: str) -> None:
    assert times(browser, zone) == {"2026-03-22 12:00:00"}


def test_what_is_typed_is_read_by_the_same_clock(own: SimpleNamespace, browser: Browser) -> None:
    browser.client.cookies[COOKIE] = "Europe/Amsterdam"
    typed = {"type": "ArrivalEvent", "date_time_0": "2026-03-22", "date_time_1": "14:30:00"}
    browser.saved(reverse("admin:orders_event_add"), name="typed", **typed)
    event = Event.objects.of(own.platform).get(name="typed")
    assert event.date_time == datetime(2026, 3, 22, 13, 30, tzinfo=UTC)


def test_the_api_says_utc_whatever_a_cookie_says(own: SimpleNamespace) -> None:
    client = Client(headers={"Authorization": f"Bearer {make.token(own.user)}"})
    client.cookies[COOKIE] = "Europe/Amsterdam"
    shown = client.get(f"/api/event/{own.event.pk}").json()["event"]
    assert shown["dateTime"].endswith("12:00:00Z")


def test_a_file_has_the_same_clock(browser: Browser) -> None:
    browser.client.cookies[COOKIE] = "Asia/Tokyo"
    answer = browser.client.get(reverse("admin:integrations_log_export"))
    assert "2026-03-22T21:00:00.000+09:00" in b"".join(answer).decode()
