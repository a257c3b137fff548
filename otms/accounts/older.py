"""Pages of a list of what happened, one behind the other, each found as fast as the first."""

from typing import Any

from django.core.paginator import Page
from unfold.paginator import InfinitePaginator


class OlderPaginator(InfinitePaginator):
    """Rows by their number, the newest first; they are not counted.

    A page is called by the number of the row that it comes behind, and the first is 1. What comes
    in meanwhile moves no page, and the rows before one are not read to find it.
    """

    template_name = "admin/older.html"
    behind: int | None = None  # what the next page is called; there is none

    def page(self, number: Any) -> Page[Any]:
        rows: Any = self.object_list
        older = rows if number == 1 else rows.filter(pk__lt=number)
        found = list(older[: self.per_page + 1])
        shown = found[: self.per_page]
        self.behind = shown[-1].pk if len(found) > len(shown) else None
        return self._get_page(shown, number, self)
