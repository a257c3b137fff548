"""Support sends objects once more, and stops and resumes what goes on."""

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
