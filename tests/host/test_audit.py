"""The audit trail: what an entry says, and that it is only added to."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, models, transaction
from django.db.migrations.loader import MigrationLoader
from django.test import RequestFactory

from otms.accounts import actor, audit, difference
from otms.accounts.actor import Actor
from otms.accounts.audit import AppendOnly, AuditEntry
from otms.accounts.difference import Secret, changes
from otms.accounts.models import PersonalToken, User
from tests import make

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]


def newest(platform: Any) -> AuditEntry:
    entry = AuditEntry.objects.of(platform).order_by("-id").first()
    assert entry
    return entry


def test_an_entry_says_who_did_what_to_which_record_from_where(user: User) -> None:
    request: Any = RequestFactory().put("/api/integration", REMOTE_ADDR="192.0.2.7")
    request.id = "request-4711"
    _, text = PersonalToken.generate(user, "laptop")
    request.auth = PersonalToken.valid(text)
    integration = make.integration(platform=user.platform, name="ERP")

    def view(request: Any) -> None:
        audit.record("update:integration", integration, {"name": {"before": "", "after": "ERP"}})

    actor.of_request(view)(request)
    entry = newest(user.platform)
    assert (entry.actor_kind, entry.actor_id) == ("person", user.pk)
    assert (entry.actor_name, entry.means) == (user.username, "token laptop")
    assert (entry.action, entry.entity) == ("update:integration", "integration")
    assert (entry.entity_id, entry.entity_name) == (integration.pk, "ERP")
    assert (entry.address, entry.request_id) == ("192.0.2.7", "request-4711")
    assert entry.changes == {"name": {"before": "", "after": "ERP"}}


def test_what_no_request_and_no_command_does_is_done_by_the_system(user: User) -> None:
    audit.record("update:user", user)
    entry = newest(user.platform)
    assert (entry.actor_kind, entry.actor_name, entry.address) == ("system", "", None)


def test_a_command_is_named_with_who_runs_it(user: User, monkeypatch: Any) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    with actor.by_command(["manage.py", "invite", "bob@example.com"]):
        audit.record("update:user", user)
    entry = newest(user.platform)
    assert (entry.actor_kind, entry.actor_name, entry.means) == ("command", "invite", "ann")


def test_what_a_worker_does_for_somebody_is_theirs(user: User) -> None:
    with actor.done_by(Actor("person", user.username, user.pk, "admin")):
        audit.record("update:user", user)
    assert newest(user.platform).actor_id == user.pk


def test_an_entry_goes_with_the_transaction_that_is_rolled_back(user: User) -> None:
    with transaction.atomic():
        audit.record("test:user", user)
        transaction.set_rollback(True)
    assert not AuditEntry.objects.of(user.platform).filter(action="test:user").exists()


def test_a_second_look_within_minutes_is_the_same_look(user: User, monkeypatch: Any) -> None:
    at = 1_800_000_000.0
    monkeypatch.setattr("time.time", lambda: at)
    for who in (user.pk, user.pk, uuid4()):
        with actor.done_by(Actor("person", "ann", who)):
            audit.looked("get:user", user)
    looks = AuditEntry.objects.of(user.platform).filter(action="get:user")
    assert looks.count() == 2
    at += audit.SAME_LOOK
    with actor.done_by(Actor("person", "ann", user.pk)):
        audit.looked("get:user", user)
    assert looks.count() == 3


def test_many_records_are_one_insert(user: User, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        audit.record_each("update:user", [user] * 50, "all of them")
    assert AuditEntry.objects.of(user.platform).filter(note="all of them").count() == 50


def test_an_entry_can_be_neither_changed_nor_deleted(user: User) -> None:
    audit.record("update:user", user)
    entry, every = newest(user.platform), AuditEntry.objects.of(user.platform)
    entry.action = "another"
    for attempt in (
        entry.save,
        entry.delete,
        every.delete,
        lambda: every.update(action="another"),
        lambda: every.bulk_update([entry], ["action"]),
        lambda: every.update_or_create({"action": "another"}, pk=entry.pk, platform=user.platform),
        lambda: AuditEntry.objects.bulk_create(
            [entry], update_conflicts=True, update_fields=["action"], unique_fields=["id"]
        ),
        lambda: every._raw_delete("default"),
    ):
        with pytest.raises(AppendOnly), transaction.atomic():
            attempt()
    assert newest(user.platform).action == "update:user"


def test_a_platform_with_a_trail_is_not_deleted_with_it(user: User) -> None:
    audit.record("update:user", user)
    with pytest.raises(models.ProtectedError):
        user.platform.delete()


def test_nothing_but_the_trail_itself_writes_to_it() -> None:
    writes = re.compile(
        r"AuditEntry(\(|\.objects(\.\w+\([^)]*\))*\.(create|bulk_create|get_or_create|"
        r"update|update_or_create|bulk_update|delete|raw)\b)|(INTO|UPDATE|FROM)\W+accounts_auditentry"
    )
    for path in [*ROOT.glob("otms/**/*.py"), *ROOT.glob("integrations/**/*.py")]:
        if path.name != "audit.py" and "migrations" not in path.parts:
            assert not writes.search(path.read_text(encoding="utf-8")), path


def test_names_that_were_kept_before_are_forgotten(user: User) -> None:
    def kept(entity: str, name: str, note: str) -> AuditEntry:
        facts = {"entity_id": uuid4(), "entity_name": name, "note": note, "action": "update:it"}
        entry = AuditEntry(platform=user.platform, entity=entity, **facts)
        return AuditEntry.objects.bulk_create([entry])[0]

    entries = [
        kept(
            "transportOrder", "Ann's sofa", "Changed Name. Changed Name for goods “Ann's “.” sofa”."
        ),
        kept("business", "1a2b3c4d", "Changed Name."),
        kept("integrationObject", "transportOrder Ann's sofa", ""),
        kept("integration", "ERP", "Resumed; it was suspended: “No.”"),
    ]
    migration = import_module("otms.accounts.migrations.0008_audit_names_no_record")
    migration.forget_names(MigrationLoader(connection).project_state().apps, None)
    every = AuditEntry.objects.of(user.platform)
    found = [every.get(pk=each.pk) for each in entries]
    assert [(each.entity_name, each.note) for each in found] == [
        ("", "Changed Name. Changed Name for goods."),
        ("", "Changed Name."),
        ("", ""),
        ("ERP", "Resumed; it was suspended: “No.”"),
    ]


# What differs.


def test_a_change_has_the_path_of_its_field() -> None:
    before = {"name": "ERP", "delivery": {"timeout": 15, "retry": {"on": [429]}}}
    after = {"name": "ERP", "delivery": {"timeout": 30, "retry": {"on": [429, 500]}}}
    assert changes(before, after) == {
        "delivery.timeout": {"before": 15, "after": 30},
        "delivery.retry.on": {"before": [429], "after": [429, 500]},
    }


def test_parts_with_an_id_are_compared_with_themselves() -> None:
    before = {"dataSources": [{"id": 1, "name": "A", "url": "x"}, {"id": 2, "name": "B"}]}
    after = {"dataSources": [{"id": 2, "name": "B"}, {"id": 1, "name": "A", "url": "y"}]}
    assert changes(before, after) == {"dataSources[A].url": {"before": "x", "after": "y"}}


def test_a_secret_is_said_to_be_changed_and_never_what_it_is() -> None:
    def said(before: Any, after: Any) -> Any:
        return changes({"token": before}, {"token": after}).get("token")

    assert said(Secret("old"), Secret("new")) == {"before": "***", "after": "changed"}
    assert said(Secret("same"), Secret("same")) is None
    assert said(None, Secret("new")) == {"before": None, "after": "***"}
    assert said(Secret("old"), None) == {"before": "***", "after": None}
    assert "new" not in str(changes({}, {"source": {"a": [{"token": Secret("new")}]}}))


def test_what_is_long_is_kept_in_part() -> None:
    found = changes({"body": ""}, {"body": "x" * 100_000, **{f"f{n}": n + 1 for n in range(999)}})
    assert len(found) == difference.MOST_OF_A_PART + 1
    assert len(found["body"]["after"]) < 5000
    assert "More fields" in found["..."]["after"]
    (long,) = changes({"mapping": "a"}, {"mapping": {"a": ["x" * 100] * 1000}}).values()
    assert len(long["after"]) < 5000


def source(id: str, name: str, **said: Any) -> dict[str, Any]:
    return {"id": id, "name": name, **said}


def test_what_fills_one_part_hides_nothing_of_another() -> None:
    many = {f"f{n}": n + 1 for n in range(1000)}
    before = {"filters": {}, "dataSources": [source("1", "A", mapping={}, settings={"url": "x"})]}
    settings = {"headers": many, "auth": {"type": "basic", "url": "evil"}, "url": "evil"}
    after = {
        "filters": many,
        "dataSources": [
            source("1", "A", mapping={"a": many, **many}, settings=settings),
            source("2", "B", settings=settings),
        ],
    }
    found = changes(before, after)
    assert found["dataSources[A].settings.url"] == {"before": "x", "after": "evil"}
    assert found["dataSources[A].settings.auth"]["after"] == {"type": "basic", "url": "evil"}
    assert found["dataSources[B].settings.url"] == {"before": None, "after": "evil"}
    assert "900 more" in found["filters..."]["after"]
    assert len(found) < 5 * (difference.MOST_OF_A_PART + 1)


def test_what_is_new_and_long_is_said_field_by_field() -> None:
    new = source("1", "A", settings={"body": "x" * 5000, "headers": {}, "url": "evil"})
    found = changes({}, {"dataSources": [new]})
    assert found["dataSources[A].settings.url"] == {"before": None, "after": "evil"}
    long = ["x" * 100] * 100
    assert changes({"filters": long}, {"filters": [*long[:-1], "y"]}) == {
        "filters[99]": {"before": "x" * 100, "after": "y"}
    }


def test_no_change_takes_the_place_of_another() -> None:
    def paths(was: Any, now: Any) -> list[str]:
        found = changes({"dataSources": was}, {"dataSources": now})
        assert all(each == {"before": "x", "after": "y"} for each in found.values()), found
        return list(found)

    def sources(url: str, *names: str) -> list[dict[str, Any]]:
        return [source(str(id), name, url=url) for id, name in enumerate(names)]

    for names, expected in (
        (("A", "A"), ["dataSources[0].url", "dataSources[1].url"]),
        (("A", "0"), ["dataSources[A].url", "dataSources[1].url"]),
        (("A].url", "A"), ['dataSources["A].url"].url', "dataSources[A].url"]),
    ):
        assert paths(sources("x", *names), sources("y", *names)) == expected
    assert list(changes({}, {"a": {"b": 1}, "a.b": 2, 'a["b"]': 3, "": 4})) == [
        "a",
        '["a.b"]',
        '["a[\\"b\\"]"]',
        '[""]',
    ]
    nested = {"a": {"b": "x"}, "a.b": "x", "a[b]": "x"}
    other = {"a": {"b": "y"}, "a.b": "y", "a[b]": "y"}
    assert list(changes(nested, other)) == ["a.b", '["a.b"]', '["a[b]"]']
    first, second = "k" * 200 + "1", "k" * 200 + "2"
    assert len(changes({}, {first: 1, second: 2})) == 2


def test_of_a_long_text_is_kept_where_it_differs() -> None:
    was, now = "x" * 9000 + "old" + "x" * 9000, "x" * 9000 + "new" + "x" * 9000
    said = changes({"body": was}, {"body": now})["body"]
    assert "old" in said["before"]
    assert "new" in said["after"]
    assert len(said["after"]) < 5000
    said = changes({"body": "x" * 9000}, {"body": "x" * 9000 + "more"})["body"]
    assert said["after"] == said["before"] + "more"


def test_zero_is_not_nothing() -> None:
    assert changes({"price": 0}, {"price": None}) == {"price": {"before": 0, "after": None}}


def test_nothing_and_empty_are_the_same() -> None:
    assert changes({"a": None, "b": ""}, {"a": {}, "b": None}) == {}
    assert changes({"a": None}, {"a": False}) == {"a": {"before": None, "after": False}}
