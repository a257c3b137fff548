"""Who may: pages of the admin ask for the permissions that the calls of the API ask for."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import (
    FieldDoesNotExist,
    PermissionDenied,
)
from django.db import models
from django.http import HttpRequest
from django.utils.functional import Promise
from unfold.decorators import action

from otms.accounts.models import Platform


def is_owned(model: type[models.Model]) -> bool:
    """Does a record of this model belong to a platform?"""
    try:
        return model._meta.get_field("platform").related_model is Platform
    except FieldDoesNotExist:
        return False


def allowed(request: Any, permission: str) -> bool:
    """Is this among what the person who looks may do? Nobody has logged in yet at the login."""
    return request.user.is_authenticated and request.user.allows(permission)


def act(
    permission: str, description: str | Promise, own: bool = False, **shown: Any
) -> Callable[[Callable[..., Any]], Any]:
    """An action of a list or a page; it takes the permission of the API's call that does the same.

    What is no action of this kind, the pages offer to nobody. One that is `own` every person may do
    with what is theirs; it asks itself whose that is.
    """

    def mark(function: Callable[..., Any]) -> Any:
        @wraps(function)
        def checked(pages: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            if not own and not allowed(request, permission):
                raise PermissionDenied
            return function(pages, request, *args, **kwargs)

        marked = action(checked, description=description, **shown)
        marked.asks, marked.own = permission, own
        return marked

    return mark


class Asking:
    """Pages that ask for the same permissions as the calls of the API about the same noun."""

    noun = ""  # what the pages are about, as in the names of permissions: "integration"
    # Django's words, and the verbs that they take here; a whole name where the noun is another.
    verbs = {"view": "get", "add": "create", "change": "update", "delete": "delete"}

    def permission(self, verb: str) -> str:
        return verb if ":" in verb else f"{verb}:{self.noun}"

    def permissions(self) -> set[str]:
        """Every permission that the pages ask for."""
        return {self.permission(verb) for verb in self.verbs.values()}

    def may(self, request: Any, word: str) -> bool:
        """May this person view, add, change or delete?"""
        return word in self.verbs and allowed(request, self.permission(self.verbs[word]))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "view")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "delete")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "view")
