"""Pages of what happened."""

from typing import Any

from django.http import (
    HttpRequest,
)
from unfold.paginator import InfinitePaginator

from otms.accounts import audit
from otms.accounts.platform_admin import PlatformAdmin
from otms.accounts.platform_forms import (
    PlatformForm,
)


class FactAdmin(PlatformAdmin):
    """Pages of what happened: to be read, never to be changed; newest first, no other order."""

    form = PlatformForm
    verbs = {"view": "get"}
    paginator = InfinitePaginator
    list_disable_select_all = True  # the rows are not counted
    sortable_by = ()
    # Of a page that shows what was sent or came in: what the audit trail calls a look at it.
    a_look_is = ""
    change_form_template = "admin/fact.html"

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, obj: Any = None, **kwargs: Any
    ) -> Any:
        if self.a_look_is and obj is not None:
            audit.looked(self.a_look_is, obj)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def beside(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        # Without a name the breadcrumbs end at the list: a sentence of a log is none.
        return {"original": "", "subtitle": None}
