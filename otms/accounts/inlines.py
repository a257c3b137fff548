"""The parts of a record, below it on its page."""

from typing import Any

from django.http import (
    HttpRequest,
)
from unfold.admin import StackedInline, TabularInline

from otms.accounts.platform_admin import OwnPlatform
from otms.accounts.platform_forms import (
    PlatformFormSet,
)


class PlatformInline(OwnPlatform):
    """The parts of a record, below it on its page: who changes it, changes them."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "change" if obj else "add")

    has_change_permission = has_delete_permission = has_add_permission

    formset = PlatformFormSet
    extra = 0

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)  # type: ignore[misc]
        formset.platform = formset.form.platform = request.user.platform  # type: ignore[union-attr]
        return formset


class PlatformStackedInline(PlatformInline, StackedInline):
    """One part below the other."""


class PlatformTabularInline(PlatformInline, TabularInline):
    """One part in each line of a table."""
