"""The page that says who may what is true of what is stored, and leaves nothing out."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.api.authentication import OWN as OF_CREDENTIALS
from otms.accounts import permissions
from otms.accounts.roles import OF_APPS, ROLES
from otms.api.router import router
from tests import make
from tests.walk import table

pytestmark = pytest.mark.django_db


def stored() -> dict[str, set[str]]:
    """The roles with what each may."""
    return {
        group.name: set(group.permissions.values_list("codename", flat=True))
        for group in Group.objects.all()
    }


def test_the_page_names_every_permission_and_no_other() -> None:
    assert set(table.of_roles()) == permissions.catalogue()
    assert set(Permission.objects.values_list("codename", flat=True)) == permissions.catalogue()


def test_each_role_may_what_the_page_says() -> None:
    of_roles = table.of_roles()
    assert {each.name for each in ROLES} == set(next(iter(of_roles.values()))) == set(stored())
    owner = {name for name, cells in of_roles.items() if table.NO not in cells["owner"]}
    for role, may in stored().items():
        said = {name for name, cells in of_roles.items() if cells[role] == table.YES}
        # What everybody may about themselves, takes no permission.
        assert may == (said if role != "owner" else owner), role


def test_what_is_own_on_the_page_is_so_in_the_api() -> None:
    own = {name for name, cells in table.of_roles().items() if table.OWN in cells.values()}
    assert own == {route.name for route in router.routes() if route.own}


def test_credentials_and_apps_may_what_the_page_says() -> None:
    assert table.of_credentials() == OF_CREDENTIALS
    assert table.of_apps() == OF_APPS & permissions.catalogue()


def test_a_new_permission_is_the_owners_alone() -> None:
    assert [role.name for role in ROLES if role.allows("replay:everything")] == ["owner"]


def test_what_is_stored_is_put_right_after_a_migration_and_then_stays() -> None:
    before = stored()
    support = Group.objects.get(name="support")
    support.permissions.add(Permission.objects.get(codename="update:user"))
    support.permissions.remove(Permission.objects.get(codename="get:integration"))
    about = Permission.objects.first().content_type  # type: ignore[union-attr]
    Permission.objects.create(content_type=about, codename="add_user", name="Can add user")
    Permission.objects.filter(codename="create:event").delete()
    permissions.store()
    assert stored() == before
    assert not Permission.objects.filter(codename="add_user").exists()
    rows = list(Group.permissions.through.objects.values_list().order_by("pk"))
    call_command("migrate", verbosity=0)
    assert list(Group.permissions.through.objects.values_list().order_by("pk")) == rows


def test_asking_for_permissions_costs_two_queries_a_person_however_many() -> None:
    person = make.UserFactory(role="support")
    person = type(person).objects.get(pk=person.pk)
    with CaptureQueriesContext(connection) as captured:
        assert person.allows("requeue:integration:object")
        assert len(captured) == 1
        assert not person.allows("update:integration")
        assert person.allows("get:integration")
    assert len(captured) == 2
