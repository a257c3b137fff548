"""Lists that have an answer to whatever they are asked, and choices of one platform alone."""

from typing import Any

from django.contrib.admin import FieldListFilter, RelatedFieldListFilter
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.http import (
    Http404,
    HttpRequest,
)
from django.utils.text import capfirst
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList

from otms.accounts.asking import is_owned
from otms.db import names


class RowsOfList(ChangeList):
    """A page of a list, read here: what the database can't take is a fault of the address."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_popup:  # there something is to be selected
            self.title = capfirst(self.opts.verbose_name_plural)

    def get_results(self, request: HttpRequest) -> None:
        narrowed = self.filter_params or self.query
        try:
            super().get_results(request)
            if not self.result_count:  # what took a while to count is not looked for once more
                self.result_list = self.queryset.none()
            len(self.result_list)
        except (ValueError, OverflowError, DatabaseError) as error:
            if not narrowed:
                raise
            raise IncorrectLookupParameters(error) from error
        # Else the page offers to show all of what it shows, or tells how many nobody counted.
        if not narrowed or isinstance(self.paginator, InfinitePaginator):
            self.full_result_count = self.result_count


class ListedAdmin(ModelAdmin):
    """Pages whose list has an answer to whatever it is asked."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return RowsOfList

    def response_action(self, request: HttpRequest, queryset: Any) -> Any:
        """An id that no record can have is not found, as others that are not there."""
        try:
            with transaction.atomic():
                queryset.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME)).exists()
        except (ValueError, OverflowError, ValidationError, DatabaseError):
            raise Http404 from None
        return super().response_action(request, queryset)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        if names.is_none(search_term):
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)


class OwnChoicesFilter(RelatedFieldListFilter):
    """`list_filter` by a relation: the choices are the own platform's."""

    def has_output(self) -> bool:
        return True  # Django drops a filter with a single choice, and what was asked with it

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        return field.get_choices(
            include_blank=False,
            ordering=self.field_admin_ordering(field, request, model_admin),
            limit_choices_to={"platform": request.user.platform},  # type: ignore[union-attr]
        )


FieldListFilter.register(
    lambda field: isinstance(field.related_model, type) and is_owned(field.related_model),
    OwnChoicesFilter,
    take_priority=True,
)
