"""The operator reads in words when what is scheduled runs."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.urls import reverse
from django.utils.timezone import now
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from tests.admin.conftest import Browser, staff, without_tags

pytestmark = pytest.mark.django_db


def test_when_and_when_next_is_said(own: SimpleNamespace) -> None:
    every = IntervalSchedule.objects.create(every=600, period=IntervalSchedule.SECONDS)
    nightly = CrontabSchedule.objects.create(minute="0", hour="4")
    ran = now() - timedelta(minutes=4)
    PeriodicTask.objects.create(name="forget", task="x", interval=every, last_run_at=ran)
    PeriodicTask.objects.create(name="clean", task="y", crontab=nightly)
    operator = Browser(staff(own.platform, is_superuser=True))
    html = operator.html(reverse("admin:django_celery_beat_periodictask_changelist"))
    rows = [
        " ".join(without_tags(row).split()) for row in re.findall("<tr.*?</tr>", html, re.DOTALL)
    ]
    (forget,) = [row for row in rows if "forget" in row]
    (clean,) = [row for row in rows if "clean" in row]
    next_run = ran + timedelta(minutes=10)
    assert "every 10 min" in forget
    assert f"{next_run:%Y-%m-%d %H:%M}" in forget
    assert f"{ran:%Y-%m-%d %H:%M:%S}" in forget
    assert "At 04:00 AM" in clean
    assert "not run yet" in clean
