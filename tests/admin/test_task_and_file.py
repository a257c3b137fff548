"""Staff see how far an import is and why a row is not in, and get a file back as it came."""

import re
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from tests.admin.conftest import Browser, staff, without_tags

pytestmark = pytest.mark.django_db


def test_a_task_tells_what_was_rejected(own: SimpleNamespace, browser: Browser) -> None:
    page = reverse("admin:integrations_task_change", args=[own.task.pk])
    text = " ".join(without_tags(browser.html(page)).split())
    assert re.search("status done", text, re.IGNORECASE)
    assert "2 of 2, 1 rejected" in text
    assert "own-row data[1].status: Choose one of these." in text


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
