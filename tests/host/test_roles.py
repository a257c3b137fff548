"""People and their roles: who gives which, and who is left."""

import threading
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.db import close_old_connections, connection

from otms.accounts.models import AuditEntry, LastOwner, Platform, User
from otms.accounts.roles import ROLES
from tests import make
from tests.conftest import Api


@pytest.mark.django_db
def test_a_role_is_the_only_one_and_holds_at_once(platform: Platform) -> None:
    ann = make.UserFactory(platform=platform, role="support")
    assert ann.role == "support"
    assert ann.allows("requeue:integration:object")
    ann.set_role("read-only")
    assert [group.name for group in ann.groups.all()] == ["read-only"]
    assert not ann.allows("requeue:integration:object")
    ann.set_role("")
    assert ann.role == ""
    assert not ann.allows("get:integration")


@pytest.mark.django_db
def test_another_group_is_no_role_and_counts_none_the_less(platform: Platform) -> None:
    ann = make.UserFactory(platform=platform, role="")
    ann.groups.add(Group.objects.create(name="night shift"))
    assert ann.role == ""


@pytest.mark.django_db
def test_who_is_inactive_may_nothing(platform: Platform) -> None:
    for fields in ({"role": "owner"}, {"is_superuser": True}):
        gone = make.UserFactory(platform=platform, is_active=False, **fields)
        assert not gone.allows("get:integration")


@pytest.mark.django_db
def test_nobody_gives_more_than_they_have(platform: Platform) -> None:
    def gives(**fields: object) -> list[str]:
        person = make.UserFactory(platform=platform, **fields)
        return [role.name for role in person.assignable_roles()]

    everything = [role.name for role in ROLES]
    assert gives(is_superuser=True, role="") == gives(role="owner") == everything
    assert gives(role="integration manager") == everything[1:]
    assert gives(role="support") == ["support", "read-only"]
    assert gives(role="") == []


@pytest.mark.django_db
def test_a_change_of_role_is_in_the_audit_trail(platform: Platform) -> None:
    ann = make.UserFactory(platform=platform, role="support")
    ann.set_role("owner")
    ann.set_role("owner")
    entry, made = AuditEntry.objects.of(platform).about(ann).filter(action="update:user")
    assert entry.changes == {"roles": {"before": ["support"], "after": ["owner"]}}
    assert made.changes == {"roles": {"before": [], "after": ["support"]}}


@pytest.mark.django_db
def test_the_last_owner_stays_one(platform: Platform) -> None:
    ann = make.UserFactory(platform=platform)
    make.UserFactory(platform=platform, is_active=False)
    make.UserFactory()  # of another platform
    with pytest.raises(LastOwner, match="make somebody else owner first"):
        ann.set_role("support")
    assert ann.role == "owner"
    bob = make.UserFactory(platform=platform)
    ann.set_role("support")
    assert bob.is_last_owner()


@pytest.mark.django_db
def test_the_last_owner_is_not_blocked(platform: Platform) -> None:
    ann = make.UserFactory(platform=platform)
    operator = make.UserFactory(platform=platform, is_superuser=True, role="")
    caller = Api(make.token(operator))
    refusal = caller.refused("POST", f"user/block/{ann.pk}", code=409)
    assert "last owner" in refusal["message"]
    make.UserFactory(platform=platform)
    caller.ok("POST", f"user/block/{ann.pk}")


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_the_same_moment_are_not_both_let_go() -> None:
    ann = make.UserFactory()
    bob = make.UserFactory(platform=ann.platform)
    both = threading.Barrier(2)
    refused: list[str] = []

    def leave(person: User) -> Callable[[], None]:
        def run() -> None:
            both.wait()
            try:
                User.objects.get(pk=person.pk).set_role("support")
            except LastOwner:
                refused.append(person.username)
            finally:
                close_old_connections()
                connection.close()

        return run

    threads = [threading.Thread(target=leave(person)) for person in (ann, bob)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    owners = User.objects.filter(platform=ann.platform, groups__name="owner")
    assert len(refused) == owners.count() == 1
