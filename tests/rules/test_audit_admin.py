"""All that the admin can do leaves an entry in the audit trail, and so does who looks."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.test import RequestFactory
from django.urls import reverse

from integrations.models import IntegrationObject
from otms.accounts import audit
from otms.accounts.models import User
from otms.accounts.permissions import catalogue
from tests import make
from tests.admin.conftest import Browser, staff
from tests.rules.test_audit import (
    CALLS,
    LOOKS,
    READS,
    ROOT,
    SAME_AS,
    TEXTS,
    entries,
    going,
    last,
    own,
    session_of_another,
    stopped,
    waiting,
)

__all__ = ["own"]

pytestmark = pytest.mark.django_db


# The admin: what a page can do, and the entry it leaves. A handle is a page or an action.

RECORDS = {"Business": "business", "TransportOrder": "order", "Event": "event"}


def page(own: SimpleNamespace, model: str, name: str, verb: str = "change") -> Any:
    app = {
        "user": "accounts",
        "personaltoken": "accounts",
        "session": "accounts",
        "business": "orders",
        "transportorder": "orders",
        "event": "orders",
    }.get(model, "integrations")
    args = [] if verb in ("add", "changelist") else [getattr(own, name).pk]
    return reverse(f"admin:{app}_{model}_{verb}", args=args)


def typed(model: str, name: str, /, **fields: Any) -> Any:
    def change(own: SimpleNamespace, browser: Browser) -> None:
        browser.saved(page(own, model, name), **fields)

    return change


def added(model: str, /, **fields: Any) -> Any:
    def add(own: SimpleNamespace, browser: Browser) -> None:
        given = {key: value(own) if callable(value) else value for key, value in fields.items()}
        browser.saved(page(own, model, "", "add"), **given)

    return add


def deleted(model: str, name: str) -> Any:
    def delete(own: SimpleNamespace, browser: Browser) -> None:
        if name == "template":
            own.template = make.MessageTemplateFactory(platform=own.platform)
        if name == "business":
            own.business = make.BusinessFactory(platform=own.platform)
        where = page(own, model, name, "delete")
        assert browser.client.post(where, {"post": "yes"}).status_code == 302

    return delete


def chosen(model: str, name: str, action: str) -> Any:
    def act(own: SimpleNamespace, browser: Browser) -> None:
        if action == "cancel":
            waiting(own.row)
        if action == "log_out":
            own.session = session_of_another(own.platform)
        if action == "resume":
            own.integration.switch(False)
            stopped(own.task)
        if action == "stop":
            going(own.task)
        if action == "switch_off":
            own.automation.integration.switch(True)
        given = {"action": action, "_selected_action": [str(getattr(own, name).pk)]}
        given |= {"post": "yes"} if action == "replay" else {}
        browser.client.post(page(own, model, name, "changelist"), given)

    return act


def posted(model: str, name: str, verb: str) -> Any:
    def post(own: SimpleNamespace, browser: Browser) -> None:
        if verb == "cancel":
            waiting(own.row)
        if name == "user":
            own.user = staff(own.platform)
        browser.client.post(
            page(own, model, name, verb),
            {"source": str(own.source.pk), "step": "end", "name": "Another"},
        )

    return post


def erased(own: SimpleNamespace, browser: Browser) -> None:
    where = reverse("admin:integrations_task_erase")
    seen = browser.client.post(where, {"texts": "own-order"})
    browser.client.post(where, {"previewed": seen.context["previewed"]})


def mapped_anew(own: SimpleNamespace, browser: Browser) -> None:
    given = {"as_read": own.integration.updated_at.isoformat(), "mapping": '{"new": 1}'}
    browser.client.post(
        page(own, "integration", "integration", "workbench"), {**given, "do": "save"}
    )


def replayed(own: SimpleNamespace, browser: Browser) -> None:
    given = {"status": ["ERROR"], "post": "yes"}
    browser.client.post(page(own, "integration", "integration", "replay"), given)


def told_of_what_it_missed(own: SimpleNamespace, browser: Browser) -> None:
    IntegrationObject.objects.of(own.platform).filter(entity_id=own.order.pk).delete()
    given = {"record": str(own.order.pk)}
    browser.client.post(page(own, "integration", "integration", "tell"), given)


def asked_first(own: SimpleNamespace, browser: Browser) -> None:
    where = reverse("admin:integrations_integration_first")
    given = {"url": "http://127.0.0.1/new", "name": "New", "actions": "created"}
    browser.client.post(where, given)


def imported(own: SimpleNamespace, browser: Browser) -> None:
    where = reverse("admin:integrations_integration_import_yaml")
    browser.client.post(where, {"text": "name: New\ntype: configured"})


MOMENT = {"date_time_0": "2026-03-22", "date_time_1": "10:00:00"}
PASSWORD = "a long and quiet word"
HANDLES: dict[tuple[str, str], tuple[str, Any]] = {
    ("User", "add"): (
        "create:user",
        added(
            "user", username="new", usable_password="true", password1=PASSWORD, password2=PASSWORD
        ),
    ),
    ("User", "change"): ("update:user", typed("user", "user", first_name="Ann")),
    ("User", "login_safety"): (
        "end:user:sessions",
        posted("user", "user", "login_safety"),
    ),
    ("Session", "log_out"): (
        "delete:user:session",
        chosen("session", "session", "log_out"),
    ),
    ("User", "password_link"): (
        "create:user:passwordLink",
        posted("user", "user", "password_link"),
    ),
    ("PersonalToken", "revoke_this"): (
        "delete:user:token",
        posted("personaltoken", "token", "revoke_this"),
    ),
    ("PersonalToken", "revoke"): (
        "delete:user:token",
        chosen("personaltoken", "token", "revoke"),
    ),
    ("Business", "add"): ("create:business", added("business", name="New")),
    ("Business", "change"): ("update:business", typed("business", "business", name="Another")),
    ("Business", "delete"): ("delete:business", deleted("business", "business")),
    ("TransportOrder", "add"): (
        "create:transportOrder",
        added("transportorder", name="New", customer=lambda own: str(own.business.pk)),
    ),
    ("TransportOrder", "change"): (
        "update:transportOrder",
        typed("transportorder", "order", name="Another"),
    ),
    ("TransportOrder", "delete"): ("delete:transportOrder", deleted("transportorder", "order")),
    ("Event", "add"): (
        "create:event",
        added("event", type="ArrivalEvent", **MOMENT),
    ),
    ("Event", "change"): ("update:event", typed("event", "event", name="Another", **MOMENT)),
    ("Event", "delete"): ("delete:event", deleted("event", "event")),
    ("Integration", "add"): (
        "create:integration",
        added("integration", name="New", entity="transportOrder", actions=["created"]),
    ),
    ("Integration", "change"): (
        "update:integration",
        typed("integration", "integration", data_sources__0__webhook_url="http://127.0.0.1/new"),
    ),
    ("Integration", "delete"): ("delete:integration", deleted("integration", "integration")),
    ("Integration", "pause"): (
        "update:integration",
        chosen("integration", "integration", "pause"),
    ),
    ("Integration", "resume"): (
        "update:integration",
        chosen("integration", "integration", "resume"),
    ),
    ("Integration", "tell"): ("replay:integration:objects", told_of_what_it_missed),
    ("Integration", "credentials"): (
        "generate:integration:credentials",
        posted("integration", "integration", "credentials"),
    ),
    ("Integration", "signing"): (
        "generate:integration:signingSecret",
        posted("integration", "integration", "signing"),
    ),
    ("Integration", "workbench"): ("update:integration", mapped_anew),
    ("Integration", "replay"): ("replay:integration:objects", replayed),
    ("Integration", "duplicate"): (
        "create:integration",
        posted("integration", "integration", "duplicate"),
    ),
    ("Integration", "first"): ("create:integration", asked_first),
    ("Integration", "import_yaml"): ("create:integration", imported),
    ("AppInstallation", "delete"): (
        "delete:appInstallation",
        deleted("appinstallation", "installation"),
    ),
    ("IntegrationObject", "requeue"): (
        "requeue:integration:object",
        chosen("integrationobject", "row", "requeue"),
    ),
    ("IntegrationObject", "requeue_anew"): (
        "requeue:integration:object",
        chosen("integrationobject", "row", "requeue_anew"),
    ),
    ("IntegrationObject", "replay"): (
        "replay:integration:objects",
        chosen("integrationobject", "row", "replay"),
    ),
    ("IntegrationObject", "cancel"): (
        "cancel:integration:object",
        chosen("integrationobject", "row", "cancel"),
    ),
    ("Task", "erase"): ("erase:personalData", erased),
    ("Task", "stop"): ("stop:integration:task", chosen("task", "task", "stop")),
    ("Task", "resume"): ("resume:integration:task", chosen("task", "task", "resume")),
    ("MessageTemplate", "add"): (
        "create:messageTemplate",
        added("messagetemplate", name="New", **TEXTS),
    ),
    ("MessageTemplate", "change"): (
        "update:messageTemplate",
        typed("messagetemplate", "template", name="Another"),
    ),
    ("MessageTemplate", "delete"): (
        "delete:messageTemplate",
        deleted("messagetemplate", "template"),
    ),
    ("AlertRecipient", "add"): (
        "create:alertRecipient",
        added("alertrecipient", url="https://127.0.0.1/x"),
    ),
    ("AlertRecipient", "change"): (
        "update:alertRecipient",
        typed("alertrecipient", "recipient", name="Another"),
    ),
    ("AlertRecipient", "delete"): (
        "delete:alertRecipient",
        deleted("alertrecipient", "recipient"),
    ),
    ("AlertRecipient", "send_test"): (
        "test:alertRecipient",
        chosen("alertrecipient", "recipient", "send_test"),
    ),
    ("MessageAutomation", "add"): (
        "create:messageAutomation",
        added("messageautomation", name="New", template=lambda own: str(own.template.pk)),
    ),
    ("MessageAutomation", "change"): (
        "update:messageAutomation",
        typed("messageautomation", "automation", name="Another"),
    ),
    ("MessageAutomation", "delete"): (
        "delete:messageAutomation",
        deleted("messageautomation", "automation"),
    ),
    ("MessageAutomation", "switch_on"): (
        "update:messageAutomation",
        chosen("messageautomation", "automation", "switch_on"),
    ),
    ("MessageAutomation", "switch_off"): (
        "update:messageAutomation",
        chosen("messageautomation", "automation", "switch_off"),
    ),
    ("MessageAutomation", "duplicate"): (
        "create:messageAutomation",
        chosen("messageautomation", "automation", "duplicate"),
    ),
}
ELSEWHERE = {
    ("AppInstallation", "add"): "the verb of the API: tests/store",
    ("AppInstallation", "change"): "the verb of the API: tests/store",
    ("PersonalToken", "new"): "the verb of the API: tests/login",
    ("AppInstallation", "leave"): "leads to delete",
    ("IntegrationObject", "where"): READS,
    ("IntegrationObject", "export"): READS,
    ("Log", "export"): READS,
    ("RequestLog", "export"): READS,
    ("Integration", "export_yaml"): READS,
    ("MessageAutomation", "see_messages"): READS,
    ("MessageAutomation", "see_integration"): READS,
    ("File", "download"): "a look, below",
    ("Task", "download"): READS,
}


def handles() -> set[tuple[str, str]]:
    """All that the pages can do."""
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True)
    found = set()
    for model, pages in admin.site._registry.items():
        name = model.__name__
        usual = ("changelist", "add", "history", "delete", "change")
        found |= {
            (name, verb)
            for verb in ("add", "change", "delete")
            if getattr(pages, f"has_{verb}_permission")(request)
        }
        found |= {(name, each) for each in pages.get_actions(request) if each != "delete_selected"}
        own = f"{model._meta.app_label}_{model._meta.model_name}_"
        names = [str(each.name or "") for each in pages.get_urls()]
        found |= {
            (name, each.removeprefix(own))
            for each in names
            if each.startswith(own) and each.removeprefix(own) not in usual
        }
    return found


def test_all_that_the_admin_can_do_is_known_here() -> None:
    assert handles() == HANDLES.keys() | ELSEWHERE.keys()


@pytest.mark.parametrize("handle", HANDLES, ids=lambda handle: "-".join(handle))
def test_what_is_done_in_the_admin_leaves_one_entry(
    handle: tuple[str, str], own: SimpleNamespace
) -> None:
    action, act = HANDLES[handle]
    browser, before, person = Browser(own.user), last(own), own.user
    act(own, browser)
    own.user = person
    done = [each for each in entries(own, before) if each.action == action]
    assert len(done) == 1, [each.action for each in entries(own, before)]
    assert done[0].means == "admin"


@pytest.mark.parametrize(
    ("action", "where"),
    [
        ("get:integration:object", ("integrationobject", "row", "change")),
        ("get:integration:requestLogs", ("requestlog", "request", "change")),
        ("get:integration:logs", ("log", "log", "change")),
        ("get:integration:file", ("file", "file", "change")),
        ("get:integration:file", ("file", "file", "download")),
        ("get:integration:email", ("email", "email", "change")),
    ],
)
def test_who_looks_at_a_payload_in_the_admin_leaves_one_entry(
    action: str, where: Any, own: SimpleNamespace
) -> None:
    browser, before = Browser(own.user), last(own)
    for _ in range(2):
        assert browser.open(page(own, *where)).status_code == 200
    assert [each.action for each in entries(own, before)] == [action]


def test_every_action_that_is_written_down_can_be_asked_for() -> None:
    written = re.compile(r'audit\.(?:record|record_each|looked)\(\s*"([^"]+)"')
    every = [*ROOT.glob("otms/**/*.py"), *ROOT.glob("integrations/**/*.py")]
    found = {name for path in every for name in written.findall(path.read_text(encoding="utf-8"))}
    found |= {action for action, _ in HANDLES.values()} | CALLS.keys() | LOOKS.keys()
    assert found - SAME_AS.keys() <= audit.BEYOND_CALLS | catalogue()
    assert found >= audit.BEYOND_CALLS
