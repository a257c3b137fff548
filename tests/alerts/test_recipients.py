"""Who is told is set up over the API, with what is wrong said at its field, and no secret shown."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from integrations import egress
from integrations.core import signing
from integrations.models import AlertRecipient, Credential
from otms.accounts.audit import AuditEntry
from otms.accounts.models import Platform, User
from tests import make
from tests.alerts.conftest import SECRET, OnCall
from tests.conftest import Api
from tests.sink.smtp import MailServer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail_server")]


def made(api: Api, **given: Any) -> Any:
    return api.ok("POST", "alertRecipient", given)["alertRecipient"]


def test_a_recipient_is_created_changed_listed_and_deleted(api: Api, platform: Platform) -> None:
    integration = make.integration(platform=platform)
    mail = made(api, name="On call", email="ann@example.com", nonce="n")
    assert mail == {
        "id": mail["id"],
        "uuid": mail["id"],
        "primaryPlatformId": str(platform.pk),
        "name": "On call",
        "integrationId": None,
        "email": "ann@example.com",
        "url": None,
        "secret": None,
        "enabled": True,
        "createdAt": mail["createdAt"],
        "updatedAt": mail["updatedAt"],
        "nonce": "n",
    }
    hook = made(api, url="https://127.0.0.1/x", integrationId=str(integration.pk))
    assert hook["integrationId"] == str(integration.pk)
    listed = api.ok("GET", "alertRecipients/0/10")
    assert [each["id"] for each in listed["alertRecipients"]] == [hook["id"], mail["id"]]
    found = api.ok("POST", "alertRecipients/0/10", {"integrationId": str(integration.pk)})
    assert [each["id"] for each in found["alertRecipients"]] == [hook["id"]]
    changed = api.ok("PUT", "alertRecipient", {"id": mail["id"], "enabled": False})
    assert changed["alertRecipient"]["enabled"] is False
    api.ok("DELETE", f"alertRecipient/{mail['id']}")
    api.refused("GET", f"alertRecipient/{mail['id']}", code=404)


def test_who_is_given_another_way_is_told_in_the_first_no_more(api: Api) -> None:
    hook = made(api, url="https://127.0.0.1/x", secret=SECRET)
    changed = api.ok("PUT", "alertRecipient", {"id": hook["id"], "email": "ann@example.com"})
    found = changed["alertRecipient"]
    assert (found["email"], found["url"], found["secret"]) == ("ann@example.com", None, None)
    assert dict(AlertRecipient.objects.across_platforms().get().secrets) == {}


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({}, "email", "one of them"),
        ({"email": "ann@example.com", "url": "https://127.0.0.1/"}, "email", "one of them"),
        ({"email": "ann"}, "email", "not an e-mail address"),
        ({"email": "ann@example.com, bob@example.com"}, "email", "one address"),
        ({"email": "Ann <ann@example.com>"}, "email", "one address"),
        ({"url": "ftp://127.0.0.1/"}, "url", "http"),
        ({"url": "https://10.0.0.1/"}, "url", "10.0.0.1"),
        ({"url": "https://ann:pw@127.0.0.1/"}, "url", "password"),
        ({"url": "https://127.0.0.1/", "secret": "whsec_?"}, "secret", "base64"),
        ({"url": "https://127.0.0.1/", "secret": "***"}, "secret", "there is none"),
        ({"email": "ann@example.com", "secret": "s"}, "secret", "not signed"),
        ({"email": "ann@example.com", "phone": "112"}, "phone", "no field"),
        (
            {
                "email": "ann@example.com",
                "integrationId": "123e4567-e89b-12d3-a456-426614174000",
            },
            "integrationId",
            "no integration",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    api: Api, given: dict[str, Any], field: str, says: str
) -> None:
    errors = api.refused("POST", "alertRecipient", given)["errors"]
    assert [each["field"] for each in errors] == [field]
    assert says in errors[0]["message"]
    assert AlertRecipient.objects.across_platforms().count() == 0


def test_another_platforms_integration_is_none(api: Api) -> None:
    theirs = make.integration(platform=make.PlatformFactory())
    given = {"email": "ann@example.com", "integrationId": str(theirs.pk)}
    (error,) = api.refused("POST", "alertRecipient", given)["errors"]
    assert error["field"] == "integrationId"


def test_a_secret_is_kept_and_never_shown(api: Api, platform: Platform) -> None:
    hook = made(api, url="https://127.0.0.1/x", secret=SECRET)
    assert hook["secret"] == "***"
    api.ok("PUT", "alertRecipient", {**hook, "url": "https://127.0.0.1/y"})
    stored = AlertRecipient.objects.of(platform).get()
    assert dict(stored.secrets) == {"secret": SECRET}
    moved = {"id": hook["id"], "url": "https://127.0.0.2/y"}
    (error,) = api.refused("PUT", "alertRecipient", moved)["errors"]
    assert (error["field"], error["code"]) == ("secret", "secret_bound")
    answer = api.ok("PUT", "alertRecipient", {**moved, "secret": None})["alertRecipient"]
    assert answer["secret"] is None
    trail = AuditEntry.objects.of(platform).filter(entity="alertRecipient")
    assert [each.action for each in trail.order_by("id")] == [
        "create:alertRecipient",
        "update:alertRecipient",
        "update:alertRecipient",
    ]
    everything = str([(each.changes, each.note, each.entity_name) for each in trail])
    assert SECRET not in everything


def test_the_trail_keeps_no_address(api: Api, platform: Platform) -> None:
    mail = made(api, email="ann@example.com")
    api.ok("PUT", "alertRecipient", {"id": mail["id"], "email": "bob@example.com"})
    api.ok("DELETE", f"alertRecipient/{mail['id']}")
    trail = AuditEntry.objects.of(platform).filter(entity="alertRecipient").order_by("id")
    assert len(trail) == 3
    assert "email" in trail[1].changes
    assert "@example.com" not in str([(each.changes, each.entity_name) for each in trail])


def test_a_weak_secret_is_warned_of(api: Api) -> None:
    weak = api.ok("POST", "alertRecipient", {"url": "https://127.0.0.1/", "secret": "short"})
    assert [each["code"] for each in weak["warnings"]] == ["weak_secret"]


def test_without_a_mail_server_nobody_is_told_by_mail(api: Api, settings: LazySettings) -> None:
    mail = made(api, email="ann@example.com")
    settings.EMAIL_HOST = ""

    def lost(method: str, **given: Any) -> Any:
        (error,) = api.refused(method, "alertRecipient", given)["errors"]
        assert "EMAIL_URL" in error["message"]
        return error["field"], error["code"]

    assert lost("POST", email="bob@example.com") == ("email", "no_mail_server")
    assert lost("PUT", id=mail["id"], name="Ann") == ("email", "no_mail_server")
    off = api.ok("PUT", "alertRecipient", {"id": mail["id"], "enabled": False})
    assert [each["code"] for each in off["warnings"]] == ["no_mail_server"]
    assert lost("PUT", id=mail["id"], enabled=True) == ("email", "no_mail_server")
    given = {"id": mail["id"], "enabled": True, "url": "https://127.0.0.1/x"}
    assert "warnings" not in api.ok("PUT", "alertRecipient", given)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k"}], ids=["plain", "keyed"])
def test_a_name_is_resolved_before_the_transaction(
    user: User, key: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def resolving(host: str, port: int) -> Any:
        asked.append(connection.in_atomic_block)
        raise OSError("no such name")

    monkeypatch.setattr(egress, "resolving", resolving)
    caller = Api(make.token(user), **key)
    made(caller, url="https://pager.example/x")
    assert asked
    assert not any(asked)


def test_a_test_is_sent_at_once_and_marked_as_one(
    api: Api, on_call: OnCall, mail: MailServer
) -> None:
    hook, box = on_call.hook(secret=SECRET), on_call.recipient(email="ann@example.com")
    for each, says in ((hook, "It answered 200."), (box, "only they can see there.")):
        found = api.ok("POST", f"alertRecipient/{each.pk}/test")["test"]
        assert found["sent"] is True
        assert found["message"].startswith(f"The test was sent to {each}. ")
        assert found["message"].endswith(says)
    (call,) = on_call.sink.requests
    sent = {name: call.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")}
    assert signing.verify(SECRET, sent["id"], sent["timestamp"], call.body, sent["signature"])
    assert call.json()["type"] == "alert.test"
    assert call.headers["x-otms-test"] == "true"
    (letter,) = mail.letters
    assert letter.message["Subject"] == "OTMS: Test: alerts arrive here"
    assert letter.message["X-OTMS-Test"] == "true"


def test_a_test_that_fails_says_why(api: Api, on_call: OnCall, settings: LazySettings) -> None:
    settings.EMAIL_HOST = ""
    gone, box = on_call.hook("/status/404"), on_call.recipient(email="ann@example.com")
    found = api.ok("POST", f"alertRecipient/{gone.pk}/test")["test"]
    assert found["sent"] is False
    assert "answered 404" in found["message"]
    found = api.ok("POST", f"alertRecipient/{box.pk}/test")["test"]
    assert "EMAIL_URL" in found["message"]


def test_alerts_say_who_was_told_and_what_failed(api: Api, on_call: OnCall, send: Any) -> None:
    on_call.hook("/ok", name="Pager")
    on_call.hook("/status/503")
    first = on_call.happens()
    send()
    other = on_call.happens(integration=make.integration(platform=on_call.platform))
    found = api.ok("GET", "alerts/0/10")
    assert [each["id"] for each in found["alerts"]] == [str(other.pk), str(first.pk)]
    narrowed = api.ok("GET", f"alerts/0/10?integrationId={on_call.integration.pk}")
    (shown,) = narrowed["alerts"]
    assert narrowed["totalResults"] == 1
    assert shown["kind"] == "trouble"
    assert shown["integrationName"] == on_call.integration.name
    told, failed = shown["notices"]
    assert (told["outcome"], told["error"], told["dueAt"]) == ("sent", "", None)
    assert told["to"].startswith("Pager (http://127.0.0.1:")
    assert (failed["outcome"], failed["attempts"]) == ("waiting", 1)
    assert "answered 503" in failed["error"]
    assert failed["dueAt"] > shown["createdAt"]


def test_an_integration_sees_nothing_of_it(on_call: OnCall) -> None:
    _, shown = Credential.generate(on_call.integration)
    caller = Api(shown["token"])
    hook = on_call.hook()
    for call in (
        ("GET", "alerts/0/10"),
        ("GET", "alertRecipients/0/10"),
        ("GET", f"alertRecipient/{hook.pk}"),
        ("POST", f"alertRecipient/{hook.pk}/test"),
        ("POST", "alertRecipient", {"email": "ann@example.com"}),
    ):
        caller.refused(*call, code=403)


def test_a_platform_has_so_many_recipients_and_no_more(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.alerts.saving.MOST", 1)
    made(api, email="ann@example.com")
    assert (
        "at most 1"
        in api.refused("POST", "alertRecipient", {"email": "bob@example.com"})["message"]
    )
