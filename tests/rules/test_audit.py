"""Whatever changes something leaves an entry in the audit trail, or says here why it needs none."""

import re
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import RequestFactory
from django.urls import reverse

from integrations.models import Credential, DataSource, IntegrationObject, Status
from otms.accounts import audit, lockout
from otms.accounts.access import access_token
from otms.accounts.audit import AuditEntry
from otms.accounts.models import PersonalToken, Platform, Session, User
from otms.accounts.permissions import catalogue
from otms.orders.models import TransportOrder
from otms.urls import router
from tests import make
from tests.admin.conftest import Browser, furnish, staff
from tests.conftest import Api

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]
READS = "reads"
KEPT = "each change of such a record is kept with what was and is, and what brought it"
ITSELF = "what comes in is kept as it came, with who brought it"
VERB = "takes a code of this moment, so tests/login/test_second_factor.py looks for it"
NEEDS_NONE = {
    "login:user": "the session is kept, with when and from where",
    "login:otp": "the session is kept",
    "refresh:user": "the session is kept",
    "logout:user": "a person ends the own session, which says when",
    "begin:user:secondFactor": "nothing holds until it is confirmed",
    "confirm:user:secondFactor": VERB,
    "generate:user:recoveryCodes": VERB,
    "remove:user:secondFactor": VERB,
    "create:transportOrder": KEPT,
    "update:transportOrder": KEPT,
    "delete:transportOrder": KEPT,
    "accept:transportOrder": KEPT,
    "update:consignment": KEPT,
    "create:business": KEPT,
    "update:business": KEPT,
    "delete:business": KEPT,
    "create:event": KEPT,
    "test:mapping": READS,
    "test:fileTemplate:mapping": READS,
    "import:data": ITSELF,
    "upload:integration:file": ITSELF,
    "receive:integration:email": ITSELF,
    "receive:transportOrder:mail": ITSELF,
}
# Routes that are a way to do what has another name.
SAME_AS = {
    "duplicate:messageAutomation": "create:messageAutomation",
}
TEXTS = {"subject": "Order", "body": "It is there."}
CALLS: dict[str, Any] = {
    "block:user": lambda own: ("POST", f"user/block/{staff(own.platform).pk}", None),
    "unblock:user": lambda own: (
        "POST",
        f"user/unblock/{staff(own.platform, is_active=False).pk}",
        None,
    ),
    "unlock:user": lambda own: ("POST", f"user/unlock/{locked(own.platform).pk}", None),
    "delete:user:secondFactor": lambda own: (
        "DELETE",
        f"user/{make.second_factor(own.platform).user_id}/secondFactor",
        None,
    ),
    "create:user:token": lambda own: ("POST", "user/token", {"name": "N"}),
    "delete:user:token": lambda own: ("DELETE", f"user/token/{own.token.pk}", None),
    "delete:user:session": lambda own: (
        "DELETE",
        f"user/session/{session_of_another(own.platform).pk}",
        None,
    ),
    "create:integration": lambda own: ("POST", "integration", {"name": "N", "type": "configured"}),
    "update:integration": lambda own: (
        "PUT",
        "integration",
        {"id": str(own.integration.pk), "enabled": False},
    ),
    "delete:integration": lambda own: ("DELETE", f"integration/{own.integration.pk}", None),
    "generate:integration:credentials": lambda own: (
        "POST",
        "integration/generate/credentials",
        {"integrationId": str(own.integration.pk)},
    ),
    "generate:integration:signingSecret": lambda own: (
        "POST",
        "integration/generate/signingSecret",
        {"integrationId": str(own.integration.pk), "dataSourceId": str(own.source.pk)},
    ),
    "delete:integration:credential": lambda own: (
        "DELETE",
        f"integration/credential/{Credential.generate(own.integration, name='N')[0].pk}",
        None,
    ),
    "requeue:integration:object": lambda own: (
        "POST",
        f"integration/object/{own.row.uuid}/requeue",
        None,
    ),
    "cancel:integration:object": lambda own: (
        "POST",
        f"integration/object/{waiting(own.row).uuid}/cancel",
        None,
    ),
    "create:messageTemplate": lambda own: ("POST", "messageTemplate", {"name": "N", **TEXTS}),
    "update:messageTemplate": lambda own: (
        "PUT",
        "messageTemplate",
        {"id": str(own.template.pk), "name": "Another"},
    ),
    "delete:messageTemplate": lambda own: (
        "DELETE",
        f"messageTemplate/{make.MessageTemplateFactory(platform=own.platform).pk}",
        None,
    ),
    "create:messageAutomation": lambda own: (
        "POST",
        "messageAutomation",
        {
            "name": "N",
            "trigger": "transportOrder.status.realized",
            "messageTemplate": {"id": str(own.template.pk)},
        },
    ),
    "update:messageAutomation": lambda own: (
        "PUT",
        "messageAutomation",
        {"id": str(own.automation.pk), "enabled": True},
    ),
    "delete:messageAutomation": lambda own: (
        "DELETE",
        f"messageAutomation/{own.automation.pk}",
        None,
    ),
    "duplicate:messageAutomation": lambda own: (
        "POST",
        f"messageAutomation/{own.automation.pk}/duplicate",
        {},
    ),
    "erase:personalData": lambda own: ("POST", "privacy/erase", {"texts": ["Ann Smith"]}),
    "install:app": lambda own: ("POST", "app/signed-webhook/install", {}),
    "update:appInstallation": lambda own: (
        "PUT",
        "appInstallation",
        {"id": str(own.installation.pk), "name": "Another"},
    ),
    "delete:appInstallation": lambda own: (
        "DELETE",
        f"appInstallation/{own.installation.pk}",
        None,
    ),
}
LOOKS = {
    "get:integration:logs": lambda own: f"integration/{own.integration.pk}/logs/0/9",
    "get:integration:object": lambda own: f"integration/object/{own.row.uuid}",
    "get:integration:requestLogs": lambda own: f"integration/{own.integration.pk}/requestLogs/0/9",
    "get:integration:file": lambda own: f"integration/file/{own.file.pk}",
    "get:integration:email": lambda own: f"integration/email/{own.email.pk}",
}


def locked(platform: Platform) -> User:
    """Somebody with whose name a login failed."""
    person: User = staff(platform)
    lockout.Attempt.to_log_in(person.username, "127.0.0.1").wrong()
    return person


def session_of_another(platform: Platform) -> Any:
    made = make.session(platform)
    made.user = staff(platform)
    made.save()
    return made


def waiting(row: IntegrationObject) -> IntegrationObject:
    row.status = Status.RETRY
    row.save()
    return row


@pytest.fixture
def own() -> SimpleNamespace:
    return furnish(make.PlatformFactory(), "own")


def entries(own: SimpleNamespace, after: int) -> list[AuditEntry]:
    return list(AuditEntry.objects.of(own.platform).filter(pk__gt=after, actor_id=own.user.pk))


def last(own: SimpleNamespace) -> int:
    entry = AuditEntry.objects.of(own.platform).order_by("-id").first()
    return entry.pk if entry else 0


def test_every_route_that_changes_something_is_known_here() -> None:
    changing = {
        each.name
        for each in router.routes()
        if each.method != "GET" and not each.name.startswith("search:")
    }
    changing.add("accept:transportOrder")  # the vendor's, which is a GET
    assert changing == CALLS.keys() | NEEDS_NONE.keys()


@pytest.mark.parametrize("name", CALLS)
def test_a_route_that_changes_something_leaves_an_entry(name: str, own: SimpleNamespace) -> None:
    call = CALLS[name](own)
    opened = Session.start(own.user, ip=None, device="")
    assert opened
    before = last(own)
    Api(access_token(opened[0])).ok(*call)
    done = [each for each in entries(own, before) if each.action == SAME_AS.get(name, name)]
    assert done, [each.action for each in entries(own, before)]
    assert done[0].means == "session"
    assert done[0].address == "127.0.0.1"
    assert done[0].request_id


@pytest.mark.parametrize("name", LOOKS)
def test_who_looks_at_a_payload_leaves_one_entry(name: str, own: SimpleNamespace) -> None:
    token, before = make.token(own.user), last(own)
    for _ in range(3):
        Api(token).ok("GET", LOOKS[name](own))
    assert [each.action for each in entries(own, before)] == [name]


def test_an_integration_that_looks_is_named(own: SimpleNamespace) -> None:
    credential, shown = Credential.generate(own.integration)
    Api(shown["token"]).ok("GET", LOOKS["get:integration:object"](own))
    entry = AuditEntry.objects.of(own.platform).get(action="get:integration:object")
    assert (entry.actor_kind, entry.actor_id) == ("integration", own.integration.pk)
    assert entry.means == credential.api_key


def test_every_action_that_is_written_down_can_be_asked_for() -> None:
    written = re.compile(r'audit\.(?:record|record_each|looked)\(\s*"([^"]+)"')
    every = [*ROOT.glob("otms/**/*.py"), *ROOT.glob("integrations/**/*.py")]
    found = {name for path in every for name in written.findall(path.read_text(encoding="utf-8"))}
    found |= {action for action, _ in HANDLES.values()} | CALLS.keys() | LOOKS.keys()
    assert found - SAME_AS.keys() <= audit.BEYOND_CALLS | catalogue()
    assert found >= audit.BEYOND_CALLS


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
        if action == "switch_off":
            own.automation.integration.switch(True)
        given = {"action": action, "_selected_action": [str(getattr(own, name).pk)]}
        browser.client.post(page(own, model, name, "changelist"), given)

    return act


def posted(model: str, name: str, verb: str) -> Any:
    def post(own: SimpleNamespace, browser: Browser) -> None:
        if verb == "cancel":
            waiting(own.row)
        if name == "user":
            own.user = staff(own.platform)
        browser.client.post(
            page(own, model, name, verb), {"source": str(own.source.pk), "step": "end"}
        )

    return post


def erased(own: SimpleNamespace, browser: Browser) -> None:
    where = reverse("admin:integrations_task_erase")
    seen = browser.client.post(where, {"texts": "own-order"})
    browser.client.post(where, {"previewed": seen.context["previewed"]})


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
    ("Integration", "credentials"): (
        "generate:integration:credentials",
        posted("integration", "integration", "credentials"),
    ),
    ("Integration", "signing"): (
        "generate:integration:signingSecret",
        posted("integration", "integration", "signing"),
    ),
    ("AppInstallation", "delete"): (
        "delete:appInstallation",
        deleted("appinstallation", "installation"),
    ),
    ("IntegrationObject", "requeue"): (
        "requeue:integration:object",
        chosen("integrationobject", "row", "requeue"),
    ),
    ("IntegrationObject", "cancel"): (
        "cancel:integration:object",
        chosen("integrationobject", "row", "cancel"),
    ),
    ("Task", "erase"): ("erase:personalData", erased),
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
    ("Integration", "see_queue"): READS,
    ("Integration", "see_logs"): READS,
    ("Integration", "see_requests"): READS,
    ("MessageAutomation", "see_messages"): READS,
    ("MessageAutomation", "see_integration"): READS,
    ("File", "download"): "a look, below",
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


# What an entry holds.


def test_an_update_says_what_was_and_what_is_and_hides_secrets(own: SimpleNamespace) -> None:
    source = own.source
    settings = {"url": source.settings["url"], "secret": "a-new-and-secret-word"}
    given = {"id": str(source.pk), "connector": "webhook", "settings": settings, "name": "ERP"}
    body = {"id": str(own.integration.pk), "name": "Another", "dataSources": [given]}
    before = last(own)
    Api(make.token(own.user)).ok("PUT", "integration", body)
    (entry,) = entries(own, before)
    assert entry.changes == {
        "name": {"before": "own-integration", "after": "Another"},
        "dataSources[ERP].name": {"before": "webhook", "after": "ERP"},
        "dataSources[ERP].settings.secret": {"before": "***", "after": "changed"},
    }
    assert "a-new-and-secret-word" not in str(vars(entry))


def test_a_changed_target_is_not_hidden_by_a_long_mapping(own: SimpleNamespace) -> None:
    mapping = {f"f{number}": "x" for number in range(300)}
    settings = {"url": "http://127.0.0.1/new", "secret": "a-new-and-secret-word"}
    given = {"id": str(own.source.pk), "settings": settings, "mapping": mapping}
    before = last(own)
    body = {"id": str(own.integration.pk), "dataSources": [given]}
    Api(make.token(own.user)).ok("PUT", "integration", body)
    (entry,) = entries(own, before)
    assert next(iter(entry.changes)) == "dataSources[webhook].settings.url"
    assert "dataSources[webhook].mapping..." in entry.changes


def test_another_order_of_data_sources_is_a_change(own: SimpleNamespace) -> None:
    fields = {"connector": own.source.connector, "settings": own.source.settings}
    first, second = (
        DataSource.objects.create(
            platform=own.platform, integration=own.integration, name="ERP", position=1, **fields
        ),
        own.source,
    )
    before = last(own)
    sources = [{"id": str(each.pk)} for each in (first, second)]
    body = {"id": str(own.integration.pk), "dataSources": sources}
    Api(make.token(own.user)).ok("PUT", "integration", body)
    (entry,) = entries(own, before)
    assert entry.changes == {
        "dataSources[ERP].position": {"before": 1, "after": 0},
        "dataSources[webhook].position": {"before": 0, "after": 1},
    }


def test_a_role_that_is_given_and_taken_is_said(own: SimpleNamespace) -> None:
    person, group = staff(own.platform, role=""), Group.objects.get(name="support")
    before = last(own)
    person.set_role("support")
    group.user_set.remove(person)
    found = AuditEntry.objects.of(own.platform).filter(pk__gt=before).order_by("id")
    assert [each.changes for each in found] == [
        {"roles": {"before": [], "after": ["support"]}},
        {"roles": {"before": ["support"], "after": []}},
    ]


def test_a_person_and_their_role_are_changed_in_one_entry(own: SimpleNamespace) -> None:
    person, before = staff(own.platform, role="support"), last(own)
    own.person = person
    given = {"first_name": "Ann", "role": "read-only"}
    Browser(own.user).saved(page(own, "user", "person"), **given)
    (entry,) = AuditEntry.objects.of(own.platform).filter(pk__gt=before)
    assert entry.action == "update:user"
    assert entry.changes["firstName"]["after"] == "Ann"
    assert entry.changes["roles"] == {"before": ["support"], "after": ["read-only"]}


def test_who_is_invited_is_made_with_the_role_in_one_entry(
    own: SimpleNamespace, settings: Any
) -> None:
    settings.OTMS_PUBLIC_URL = "https://otms.example"
    before = last(own)
    given = {"platform": own.platform.name, "role": "support", "show": True}
    call_command("invite", "bob@example.com", **given, stdout=StringIO())
    found = AuditEntry.objects.of(own.platform).filter(pk__gt=before).order_by("id")
    assert [each.action for each in found] == ["create:user", "create:user:passwordLink"]
    assert found[0].changes["roles"] == {"before": [], "after": ["support"]}


def test_a_credential_says_when_it_ends_and_what_it_ends(own: SimpleNamespace) -> None:
    def made(**fields: Any) -> AuditEntry:
        Credential.generate(own.integration, name="N", **fields)
        found = AuditEntry.objects.of(own.platform).about(own.integration).first()
        assert found
        return found

    ends = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    first, second = made(expires_at=ends), made()
    assert first.note == ""
    assert first.changes["expiresAt"] == {"before": None, "after": "2030-01-02T03:04:05Z"}
    assert second.note.startswith("Older ones are good until")
    assert "expiresAt" not in second.changes


def test_nothing_changed_is_no_entry(own: SimpleNamespace) -> None:
    before = last(own)
    body = {"id": str(own.integration.pk), "name": own.integration.name}
    Api(make.token(own.user)).ok("PUT", "integration", body)
    assert entries(own, before) == []


def test_a_token_and_its_text_are_not_confused(own: SimpleNamespace) -> None:
    _, text = PersonalToken.generate(own.user, "laptop")
    Api(text).ok("PUT", "integration", {"id": str(own.integration.pk), "name": "N"})
    assert text not in str([vars(each) for each in AuditEntry.objects.of(own.platform)])


NAME = "Ann Smith's sofa"


def test_what_people_wrote_in_a_record_is_not_in_the_trail(own: SimpleNamespace) -> None:
    before, browser = last(own), Browser(own.user)
    browser.saved(page(own, "transportorder", "order"), name=NAME, consignments__0__name=NAME)
    browser.saved(page(own, "transportorder", "order"), consignments__0__name="Another")
    browser.saved(page(own, "business", "business"), name=NAME)
    browser.saved(page(own, "event", "event"), name=NAME, **MOMENT)
    found = entries(own, before)
    assert [each.entity_name for each in found] == [str(each.entity_id)[:8] for each in found]
    assert {str(each.changes) for each in found} == {"{}"}
    assert {each.note for each in found} >= {"Changed Name.", "Changed Name for consignment."}
    assert not [each for each in found if "Ann" in f"{each.note}{each.entity_name}"]
    assert TransportOrder.objects.of(own.platform).get().name == NAME


def test_the_queue_is_in_the_trail_without_the_names_of_its_records(own: SimpleNamespace) -> None:
    IntegrationObject.objects.of(own.platform).update(reference=NAME)
    own.row.refresh_from_db()
    before, api = last(own), Api(make.token(own.user))
    api.ok("GET", f"integration/object/{own.row.uuid}")
    api.ok("POST", f"integration/object/{own.row.uuid}/requeue")
    expected = f"transportOrder {str(own.row.entity_id)[:8]}"
    assert {each.entity_name for each in entries(own, before)} == {expected}
