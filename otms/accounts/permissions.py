"""The one catalogue of permissions: what there is to allow, by name.

A name is that of a call (`verb:entity`, see otms/api/router.py), or what a page of the admin asks
for where the API has no call. The names are Django's `Permission` rows, and the roles (roles.py)
its groups; both are stored after each migration, and nobody edits them.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.urls import get_resolver

from otms.accounts.asking import Asking
from otms.accounts.models import User
from otms.accounts.roles import ROLES
from otms.api.router import router


def catalogue() -> frozenset[str]:
    """All the names."""
    get_resolver().url_patterns  # noqa: B018 - the calls are registered where the addresses are
    calls = {route.name for route in router.routes() if not route.public}
    pages = [each for each in admin.site._registry.values() if isinstance(each, Asking)]
    return frozenset(calls.union(*(page.permissions() for page in pages)))


@transaction.atomic
def store(**_: Any) -> None:
    """Make the stored permissions and roles what the code says; a second time changes nothing."""
    about = ContentType.objects.get_for_model(User)
    names = catalogue()
    Permission.objects.exclude(content_type=about, codename__in=names).delete()
    Permission.objects.bulk_create(
        (Permission(content_type=about, codename=name, name=name) for name in sorted(names)),
        ignore_conflicts=True,
    )
    Group.objects.bulk_create((Group(name=role.name) for role in ROLES), ignore_conflicts=True)
    ids = dict(Permission.objects.values_list("codename", "pk"))
    groups = dict(Group.objects.values_list("name", "pk"))
    wanted = {
        (groups[role.name], ids[name]) for role in ROLES for name in names if role.allows(name)
    }
    gift = Group.permissions.through
    of_roles = gift.objects.filter(group__in={group for group, _ in wanted})
    given = {tuple(pair): pk for pk, *pair in of_roles.values_list("pk", "group", "permission")}
    gift.objects.filter(pk__in=[given[pair] for pair in given.keys() - wanted]).delete()
    gift.objects.bulk_create(
        gift(group_id=group, permission_id=permission)
        for group, permission in sorted(wanted - given.keys())
    )
