"""What a list shows, as a CSV file: narrowed in the same way, the newest first."""

import csv
from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import path
from django.utils.timezone import get_current_timezone, localtime, now
from django.utils.translation import override

from otms.accounts.fact_admin import FactAdmin

MOST = 100_000  # rows of one file
AT_ONCE = 2000
# What a spreadsheet takes for a formula, which a name that somebody typed must never be:
# https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Line:
    """What csv writes to: it hands each line on."""

    def write(self, line: str) -> str:
        return line


class Exported(FactAdmin):
    """Pages of what happened whose list can be taken along."""

    list_after_template = "admin/integrations/export.html"
    most_exported = f"{MOST:,}"
    # The columns of the file: what each is called, and where its value is, as lookups are written.
    exported: dict[str, str] = {}

    def get_urls(self) -> list[Any]:
        own = path(
            "export/",
            self.admin_site.admin_view(self.export),
            name=f"{self.opts.app_label}_{self.opts.model_name}_export",
        )
        return [own, *super().get_urls()]

    def export(self, request: HttpRequest) -> StreamingHttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).get_queryset(request).order_by("-pk")
        except IncorrectLookupParameters as error:
            raise BadRequest(str(error)) from None
        with override(None):  # a file is called the same, whoever takes it along
            name = str(self.opts.verbose_name_plural)
        return as_file(name, self._rows(rows))

    def _rows(self, rows: Any) -> Iterator[Iterable[Any]]:
        yield self.exported
        # Keys instead of a cursor: whoever stops reading leaves nothing open in the database.
        last, left = None, MOST
        while left > 0:
            page = rows if last is None else rows.filter(pk__lt=last)
            found = list(page.values_list("pk", *self.exported.values())[: min(AT_ONCE, left)])
            for _, *values in found:
                yield values
            if len(found) < AT_ONCE:
                return
            last, left = found[-1][0], left - len(found)
        yield [f"The newest {MOST:,}; there are more."]


def as_file(name: str, rows: Iterable[Iterable[Any]]) -> StreamingHttpResponse:
    """These rows, the names of the columns first, as a CSV file that is written as it is read."""
    # It is written when the clock of who looks is no longer known.
    zone = get_current_timezone()
    answer = StreamingHttpResponse(_lines(rows, zone), content_type="text/csv; charset=utf-8")
    kept = f"{name}-{now():%Y-%m-%d-%H%M}.csv".replace(" ", "-")
    answer.headers["Content-Disposition"] = f'attachment; filename="{kept}"'
    return answer


def _lines(rows: Iterable[Iterable[Any]], zone: tzinfo) -> Iterator[str]:
    written = csv.writer(_Line())
    yield "\ufeff"  # so that a spreadsheet reads it as UTF-8
    for row in rows:
        yield written.writerow(_cell(value, zone) for value in row)


def _cell(value: Any, zone: tzinfo) -> Any:
    if hasattr(value, "tzinfo"):
        return localtime(value, zone).isoformat(timespec="milliseconds")
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
