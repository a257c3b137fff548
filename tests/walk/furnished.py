"""What the walk knows of the two platforms: their records by model, and all their rows."""

from collections import defaultdict
from functools import cache
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.db.models import Model
from django.utils.timezone import now

from integrations.models import Integration
from otms.accounts.models import AuditEntry, PersonalToken, Platform, SecondFactor, Session, User
from otms.accounts.roles import ROLES
from tests import make
from tests.admin.conftest import furnish

Rows = dict[str, list[Any]]


def platform(mark: str) -> SimpleNamespace:
    """One of everything, as tests/admin has it, and what only the API shows."""
    of = furnish(make.PlatformFactory(name=f"{mark}-platform"), mark)
    # Who has no role may be changed by everybody who may change people.
    of.visitor = make.UserFactory(platform=of.platform, username=f"{mark}-visitor", role="")
    opened = Session.start(of.visitor, ip=None, device=f"{mark}-device")
    assert opened
    of.session = opened[0]
    of.token, _ = PersonalToken.generate(of.visitor, f"{mark}-script")
    of.factor = SecondFactor.begin(of.visitor)
    of.factor.confirmed_at = now()
    of.factor.save()
    of.visitor.set_role("support")
    of.visitor.set_role("")
    of.entry = AuditEntry.objects.of(of.platform).about(of.visitor)[0]
    of.credential = of.integration.credentials.get()
    of.file.integration = of.integration
    of.file.save()
    return of


def people(own: SimpleNamespace) -> dict[str, User]:
    """Somebody with each role, somebody with none, and the operator."""
    roles = {**{role.name: role.name for role in ROLES}, "somebody without a role": ""}
    found = {
        caller: make.UserFactory(platform=own.platform, username=f"own-{caller}", role=role)
        for caller, role in roles.items()
    }
    return {**found, "superuser": own.user}


def by_model(of: SimpleNamespace) -> dict[type[Model], Any]:
    """The record of each kind, whatever it is called in there."""
    found = {type(each): each for each in vars(of).values() if isinstance(each, Model)}
    return {**found, User: of.visitor, Integration: of.integration}


def rows(platform: Platform) -> Rows:
    """Every row of a platform as it is stored, to see later whether something reached it."""
    sql, times = _reading()
    found: Rows = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(sql, [Platform._meta.pk.get_db_prep_value(platform.pk, connection)] * times)
        for label, row in sorted(cursor.fetchall()):
            found[label].append(row)
    people = User.objects.filter(platform=platform).order_by("pk")
    found["roles"] = list(people.values_list("pk", "groups", "user_permissions"))
    return found


@cache
def _reading() -> tuple[str, int]:
    """One statement for all tables: it is asked thousands of times. And how often it asks whose."""
    quote = connection.ops.quote_name
    parts = []
    for model in apps.get_models():
        owned = [each for each in model._meta.fields if each.name == "platform"]
        (field,) = owned or ([model._meta.pk] if model is Platform else [None])
        if field is not None:
            columns = [quote(each.column) for each in model._meta.local_concrete_fields]
            row = " || '|' || ".join(f"COALESCE(CAST({each} AS TEXT), '-')" for each in columns)
            of_platform = f"FROM {quote(model._meta.db_table)} WHERE {quote(field.column)} = %s"
            parts.append(f"SELECT '{model._meta.label}', {row} {of_platform}")
    return " UNION ALL ".join(parts), len(parts)


def changed(before: Rows, after: Rows) -> list[str]:
    """The kinds of rows that are no longer what they were."""
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def ids(of: SimpleNamespace) -> set[str]:
    """Every id by which a row of the platform could be recognised in an answer."""
    found = set()
    for model in apps.get_models():
        fields = {each.name for each in model._meta.fields}
        for name in {"id", "uuid"} & fields if "platform" in fields else ():
            every = model._base_manager.filter(platform=of.platform).values_list(name, flat=True)
            found |= {str(each) for each in every if isinstance(each, UUID)}
    return found | {str(of.platform.pk)}
