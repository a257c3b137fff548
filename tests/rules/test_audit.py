"""Whatever changes something leaves an entry in the audit trail, or says here why it needs none."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from integrations.models import Credential, IntegrationObject, Status, Task
from integrations.models.task import TaskStatus
from otms.accounts import lockout
from otms.accounts.access import access_token
from otms.accounts.audit import AuditEntry
from otms.accounts.models import Platform, Session, User
from otms.urls import router
from tests import make
from tests.admin.conftest import furnish, staff
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
    "suggest:mapping": READS,
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
    "test:integration": lambda own: ("POST", f"integration/{own.integration.pk}/test", None),
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
    "replay:integration:objects": lambda own: (
        "POST",
        f"integration/{own.integration.pk}/objects:replay",
        {"filter": {"status": ["ERROR"]}},
    ),
    "stop:integration:task": lambda own: (
        "POST",
        f"integration/task/{going(own.task).pk}/stop",
        None,
    ),
    "resume:integration:task": lambda own: (
        "POST",
        f"integration/task/{stopped(own.task).pk}/resume",
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
    "create:alertRecipient": lambda own: ("POST", "alertRecipient", {"url": "https://127.0.0.1/x"}),
    "update:alertRecipient": lambda own: (
        "PUT",
        "alertRecipient",
        {"id": str(own.recipient.pk), "enabled": False},
    ),
    "delete:alertRecipient": lambda own: ("DELETE", f"alertRecipient/{own.recipient.pk}", None),
    "test:alertRecipient": lambda own: ("POST", f"alertRecipient/{own.recipient.pk}/test", None),
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


def going(task: Task) -> Task:
    task.status = TaskStatus.RUNNING
    task.save()
    return task


def stopped(task: Task) -> Task:
    task.status = TaskStatus.STOPPED
    task.save()
    return task


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
