"""What people are given and lose, roles and permissions, is written into the audit trail."""

from typing import Any

from django.db.models.signals import m2m_changed

from otms.accounts import audit
from otms.accounts.models import User

# The relation, and what it is called in the trail.
GRANTS: dict[Any, tuple[str, str]] = {
    User.groups.through: ("groups", "roles"),
    User.user_permissions.through: ("user_permissions", "permissions"),
}


def connect() -> None:
    for sender in GRANTS:
        m2m_changed.connect(granted, sender=sender, dispatch_uid=f"audit {GRANTS[sender][1]}")


def granted(
    sender: Any, instance: Any, action: str, reverse: bool, pk_set: set[Any], **kwargs: Any
) -> None:
    """Whoever gives a person a role or a permission, or takes one away: the trail says so."""
    if action not in ("pre_add", "pre_remove", "pre_clear"):
        return
    field, name = GRANTS[sender]
    everybody = instance.user_set.all() if reverse else [instance]
    people = everybody if pk_set is None or not reverse else User.objects.filter(pk__in=pk_set)
    for person in people:
        had = {each.pk: str(each) for each in getattr(person, field).all()}
        given = [instance] if reverse else kwargs["model"].objects.filter(pk__in=pk_set or had)
        meant = {each.pk: str(each) for each in given}
        less = {pk: name for pk, name in had.items() if pk not in meant}
        left = {**had, **meant} if action == "pre_add" else less
        if left != had:
            before, after = (sorted(each.values()) for each in (had, left))
            changes = {name: {"before": before, "after": after}}
            audit.record("update:user", person, changes)
