"""Support sends objects once more, and stops and resumes what goes on."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from integrations.models import IntegrationObject, Replay, Task
from integrations.models.task import Kind
from integrations.tasks import carry_out_imports, carry_out_replays
from otms.accounts.audit import AuditEntry
from tests import make
from tests.admin.conftest import Browser, queued, staff, told, without_tags

pytestmark = pytest.mark.django_db

LIST = "admin:integrations_integrationobject_changelist"


def do(browser: Browser, *rows: Any, **more: Any) -> Any:
    chosen = {"action": "replay", "_selected_action": [row.pk for row in rows], **more}
    return browser.client.post(reverse(LIST), chosen, follow=True)


def said(answer: Any) -> str:
    return " ".join(without_tags(answer.content.decode()).split())


def the(of: SimpleNamespace) -> Any:
    return Task.objects.of(of.platform).filter(kind=Kind.REPLAY)


def remap(own: SimpleNamespace) -> None:
    own.source.mapping = {"sent": 2, "name": "$.transportOrder.name"}
    own.source.save()


def test_what_it_would_send_is_shown_first(
    own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    remap(own)
    answer = do(browser, own.row, foreign.row)
    text = said(answer)
    assert "Replay 1 object of own-integration?" in text
    assert "1 looked at: for 1 something else would be sent than was." in text
    assert "$.sent 1 2" in text
    assert "$.name - own-order" in text
    assert "foreign" not in text
    assert not the(own).exists()
    entry = AuditEntry.objects.of(own.platform).order_by("-id")[0]
    assert (entry.action, entry.entity_id) == ("replay:integration:objects", own.integration.pk)
    assert entry.look


def test_that_it_would_wait_behind_an_error_is_said_first(
    own: SimpleNamespace, browser: Browser
) -> None:
    own.integration.delivery = {"onPoison": "block"}
    own.integration.save()
    assert "would wait" not in said(do(browser, own.row))
    mine = IntegrationObject.objects.of(own.platform).filter(pk=own.row.pk)
    mine.update(status="ERROR", holds_lane=True)
    assert "1 would wait: an error blocks the record" in said(do(browser, own.row))


def test_then_it_is_a_task_that_a_worker_carries_out(
    own: SimpleNamespace, browser: Browser
) -> None:
    form = do(browser, own.row)
    typed = {"post": "yes", "per_minute": "60"}
    answer = browser.client.post(form.context["list"], {**typed, **hidden(form)}, follow=True)
    task = the(own).get()
    assert answer.redirect_chain[-1][0] == reverse("admin:integrations_task_change", args=[task.pk])
    assert "A worker makes them anew" in told(answer)
    assert "1 chosen by their ids; each change as it was" in said(answer)
    assert Replay.objects.of(own.platform).get().per_minute == 60
    carry_out_replays()
    task.refresh_from_db()
    assert task.done == 1
    new = IntegrationObject.objects.of(own.platform).get(replay_of=own.row)
    page = reverse("admin:integrations_integrationobject_change", args=[new.pk])
    assert "replay of" in browser.html(page)


def test_what_is_told_is_chosen_and_looked_at_again_first(
    own: SimpleNamespace, browser: Browser
) -> None:
    first = do(browser, own.row)
    assert "It tells the change as it was." in said(first)
    typed = {"snapshot": "current", "mapping": "original", **hidden(first)}
    again = browser.client.post(first.context["list"], {"look": "yes", **typed}, follow=True)
    assert "It tells the record as it is now." in said(again)
    assert not the(own).exists()
    browser.client.post(first.context["list"], {"post": "yes", **typed}, follow=True)
    asked = Replay.objects.of(own.platform).get()
    assert (asked.snapshot, asked.mapping) == ("current", "original")


def test_that_some_are_replays_themselves_is_said(own: SimpleNamespace, browser: Browser) -> None:
    assert "told before" not in said(do(browser, own.row))
    (new,) = IntegrationObject.objects.of(own.platform).filter(pk=own.row.pk).replay("a person")
    assert "1 is a replay itself: what it tells was told before." in said(do(browser, new))


def hidden(form: Any) -> dict[str, Any]:
    return {"action": "replay", "_selected_action": form.context["chosen"]}


def test_a_pace_that_is_none_is_said_on_the_page(own: SimpleNamespace, browser: Browser) -> None:
    answer = do(browser, own.row, post="yes", per_minute="0")
    assert answer.context["form"].errors["per_minute"]
    assert not the(own).exists()


def test_objects_of_two_integrations_are_two_tasks(own: SimpleNamespace, browser: Browser) -> None:
    other = make.integration("http://127.0.0.1/other", platform=own.platform, name="another")
    own.integration.switch(False)
    row = queued(other, own.order)
    own.integration.switch(True)
    assert "Replay 1 object of another?" in said(do(browser, own.row, row))
    answer = do(browser, own.row, row, post="yes")
    assert {task.integration_id for task in the(own)} == {own.integration.pk, other.pk}
    assert "kind__exact=replay" in answer.redirect_chain[-1][0]


def test_an_integration_that_is_switched_off_replays_nothing(
    own: SimpleNamespace, browser: Browser
) -> None:
    own.integration.switch(False)
    assert "It is switched off" in said(do(browser, own.row))
    answer = do(browser, own.row, post="yes")
    assert "switched off or deleted" in told(answer)
    assert not the(own).exists()


def test_the_button_on_the_page_of_one_leads_to_what_it_would_send(
    own: SimpleNamespace, browser: Browser
) -> None:
    page = reverse("admin:integrations_integrationobject_change", args=[own.row.pk])
    address = reverse("admin:integrations_integrationobject_replay", args=[own.row.pk])
    assert address in browser.html(page)
    assert browser.client.get(address).status_code == 405
    assert "Replay 1 object" in said(browser.client.post(address))


def test_who_may_only_look_replays_and_stops_nothing(own: SimpleNamespace) -> None:
    looks = Browser(staff(own.platform, role="read-only"))
    assert not the(own).exists()
    do(looks, own.row, post="yes")
    assert not the(own).exists()
    task = going(own)
    page = reverse("admin:integrations_task_change", args=[task.pk])
    assert "/stop/" not in looks.html(page)
    looks.client.post(reverse("admin:integrations_task_stop", args=[task.pk]))
    task.refresh_from_db()
    assert task.status == "QUEUED"


def test_what_a_target_was_sent_is_text_and_no_markup(
    own: SimpleNamespace, browser: Browser
) -> None:
    own.source.mapping = {"sent": "<script>alert(1)</script>"}
    own.source.save()
    assert "<script>alert(1)" not in do(browser, own.row).content.decode()


def going(own: SimpleNamespace, kind: str = "import") -> Task:
    own.task.kind, own.task.status, own.task.done = kind, "QUEUED", 1
    own.task.save()
    task: Task = own.task
    return task


def test_a_task_is_stopped_and_resumed_on_its_page(own: SimpleNamespace, browser: Browser) -> None:
    task = going(own)
    page = reverse("admin:integrations_task_change", args=[task.pk])
    stop, resume = (
        reverse(f"admin:integrations_task_{verb}", args=[task.pk]) for verb in ("stop", "resume")
    )
    assert stop in browser.html(page)
    assert browser.client.get(stop).status_code == 405
    browser.client.post(stop)
    task.refresh_from_db()
    assert (task.status, task.message) == (
        "STOPPED",
        "Stopped by own-person: resumed, it goes on where it was.",
    )
    carry_out_imports()
    assert resume in browser.html(page)
    browser.client.post(resume)
    carry_out_imports()
    task.refresh_from_db()
    assert task.status == "DONE"
    assert "/stop/" not in browser.html(page)


def test_what_can_not_be_stopped_says_so_in_the_list(
    own: SimpleNamespace, browser: Browser
) -> None:
    where = reverse("admin:integrations_task_changelist")
    chosen = {"action": "stop", "_selected_action": [own.task.pk]}
    answer = browser.client.post(where, chosen, follow=True)
    assert "0 stopped. 1 left as they are" in told(answer)
    going(own, Kind.ERASE)
    assert "0 stopped" in told(browser.client.post(where, chosen, follow=True))


def page(own: SimpleNamespace) -> str:
    return reverse("admin:integrations_integration_replay", args=[own.integration.pk])


def test_all_that_failed_are_chosen_on_the_page_of_their_integration(
    own: SimpleNamespace, browser: Browser
) -> None:
    for _ in range(3):
        queued(own.integration, own.order, status="ERROR", due_at=None, holds_lane=False)
    delivered = queued(own.integration, own.order, status="SUCCESS", due_at=None, holds_lane=False)
    assert "Replay 4 objects of own-integration?" in said(browser.open(page(own)))
    given = {"status": ["ERROR", "SUCCESS"], "since_0": "2026-01-01", "since_1": "00:00"}
    seen = browser.client.post(page(own), {**given, "look": "yes"})
    assert "Replay 5 objects of own-integration?" in said(seen)
    assert not the(own).exists()
    early = {**given, "until_0": "2026-01-02", "until_1": "00:00", "look": "yes"}
    assert "Replay 0 objects" in said(browser.client.post(page(own), early))
    answer = browser.client.post(page(own), {**given, "per_minute": "600", "post": "yes"})
    task = the(own).get()
    assert answer.headers["Location"] == reverse("admin:integrations_task_change", args=[task.pk])
    assert task.total == 5
    carry_out_replays()
    mine = IntegrationObject.objects.of(own.platform).filter(replay_of__isnull=False)
    assert mine.count() == 5
    assert mine.filter(replay_of=delivered).exists()
    shown = browser.html(reverse("admin:integrations_task_change", args=[task.pk]))
    (link,) = re.findall(r'href="([^"]*)">What became of them', shown)
    listed = browser.open(link.replace("&amp;", "&")).context["cl"].result_list
    assert {each.pk for each in listed} == {each.pk for each in mine}
    # What failed and waits to be delivered by a replay is not replayed again unless asked for.
    seen = said(browser.open(page(own)))
    assert "Replay 0 objects" in seen
    assert "4 failed, but replays of them were delivered or wait: they are left out." in seen
    again = browser.client.post(page(own), {"status": ["ERROR"], "repaired": "on", "look": "yes"})
    assert "Replay 4 objects" in said(again)
    arrived = browser.client.post(page(own), {"status": ["SUCCESS"], "look": "yes"})
    assert "1 was delivered: it would be sent once more." in said(arrived)
    assert "5 are replays themselves and left out" in said(
        browser.client.post(page(own), {"status": ["ERROR", "SUCCESS", "QUEUE"], "look": "yes"})
    )


def test_what_is_wrong_with_the_choice_is_told_and_nothing_begins(
    own: SimpleNamespace, browser: Browser
) -> None:
    answer = browser.client.post(page(own), {"status": [], "per_minute": "0", "post": "yes"})
    assert "This field is required." in said(answer)
    assert "greater than or equal to 1" in said(answer)
    own.integration.switch(False)
    answer = browser.client.post(page(own), {"status": ["ERROR"], "post": "yes"})
    assert "It is switched off, so nothing of it is replayed." in said(answer)
    assert not the(own).exists()


def test_records_as_they_are_now_are_for_who_may_see_them(own: SimpleNamespace) -> None:
    may = ["get:integration", "replay:integration:objects", "get:integration:object"]
    person = staff(own.platform, role="", may=may)
    browser = Browser(person)
    assert browser.open(page(own)).status_code == 200
    now = {"status": ["ERROR"], "snapshot": "current", "look": "yes"}
    assert browser.client.post(page(own), now).status_code == 403
    asked = {"action": "replay", "_selected_action": [own.row.pk], "snapshot": "current"}
    assert browser.client.post(reverse(LIST), {**asked, "look": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("zone", "name", "day", "time"),
    [
        ("Asia/Tokyo", "since", "0001-01-01", "00:00:00"),
        ("America/New_York", "until", "9999-12-31", "23:59:59"),
    ],
)
def test_a_moment_that_is_none_is_told(
    own: SimpleNamespace, browser: Browser, zone: str, name: str, day: str, time: str
) -> None:
    browser.client.cookies["otms_zone"] = zone
    given = {"status": ["ERROR"], f"{name}_0": day, f"{name}_1": time, "look": "yes"}
    assert "There is no such moment." in said(browser.client.post(page(own), given))
