"""Staff see how far an import is and why a row is not in, and get a file back as it came."""

import csv
import re
from io import StringIO
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from integrations.admin import task as admin_task
from integrations.models import ImportRow
from integrations.models.task import Kind, TaskStatus
from tests.admin.conftest import Browser, staff, without_tags

pytestmark = pytest.mark.django_db


def test_a_task_tells_what_was_rejected(own: SimpleNamespace, browser: Browser) -> None:
    page = reverse("admin:integrations_task_change", args=[own.task.pk])
    text = " ".join(without_tags(browser.html(page)).split())
    assert re.search("done 2 of 2, 1 rejected", text, re.IGNORECASE)
    assert "own-row data[1].status: Choose one of these." in text


def test_one_that_goes_on_has_a_bar_and_says_what_it_waits_for(
    own: SimpleNamespace, browser: Browser
) -> None:
    tasks = reverse("admin:integrations_task_changelist")
    assert "<progress" not in browser.html(tasks)
    own.task.status, own.task.total, own.task.done = TaskStatus.RUNNING, 50, 20
    own.task.message = "Waits, and goes on by itself: the queue is full."
    own.task.save()
    html = browser.html(tasks)
    assert '<progress max="50" value="20"></progress> 20 of 50' in html
    assert "Waits, and goes on by itself" in without_tags(html)


def rows_of(of: SimpleNamespace) -> str:
    return reverse("admin:integrations_task_download", args=[of.task.pk])


def test_what_became_of_each_row_is_a_file(
    own: SimpleNamespace, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_task, "AT_ONCE", 2)
    made = [
        ImportRow(platform=own.platform, task=own.task, position=place, external_id=f"=x{place}")
        for place in range(2, 7)
    ]
    ImportRow.objects.bulk_create(made)
    assert rows_of(own) in browser.html(
        reverse("admin:integrations_task_change", args=[own.task.pk])
    )
    answer = browser.client.get(rows_of(own))
    text = b"".join(answer).decode("utf-8-sig")
    rows = list(csv.DictReader(StringIO(text)))
    assert [row["row"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert rows[0]["outcome"] == "rejected"
    assert rows[0]["errors"] == "data[1].status: Choose one of these."
    assert (rows[1]["outcome"], rows[1]["external id"]) == ("waits", "'=x2")


def test_the_rows_of_another_platform_and_of_no_import_are_not_found(
    own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    assert browser.client.get(rows_of(foreign)).status_code == 404
    own.task.kind = Kind.REPLAY
    own.task.save()
    assert browser.client.get(rows_of(own)).status_code == 404
    assert Browser(staff(own.platform, role="")).client.get(rows_of(own)).status_code == 403


def download(of: SimpleNamespace) -> str:
    return reverse("admin:integrations_file_download", args=[of.file.pk])


def test_a_file_comes_back_as_it_came(own: SimpleNamespace, browser: Browser) -> None:
    answer = browser.client.get(download(own))
    assert b"".join(answer) == own.file.content
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="own-orders.csv"'
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_file_of_another_platform_is_not_found(
    foreign: SimpleNamespace, browser: Browser
) -> None:
    assert browser.client.get(download(foreign)).status_code == 404


def test_who_may_not_look_gets_no_file(own: SimpleNamespace) -> None:
    person = staff(own.platform, role="")
    assert Browser(person).client.get(download(own)).status_code == 403
    person.user_permissions.add(Permission.objects.get(codename="get:integration:file"))
    assert Browser(person).client.get(download(own)).status_code == 200


def test_what_a_file_holds_stays_text(own: SimpleNamespace, browser: Browser) -> None:
    own.file.content, own.file.encoding = b"<script>alert(1)</script>", "utf-8"
    own.file.save()
    html = browser.html(reverse("admin:integrations_file_change", args=[own.file.pk]))
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert(1)" not in html
