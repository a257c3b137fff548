"""What a person is told on the page after the one on which they did something."""

from typing import Any

from django.contrib.messages.storage.fallback import FallbackStorage
from django.http import HttpRequest, HttpResponseBase


def is_live(request: HttpRequest) -> bool:
    """Does a script ask, to renew a part of a page (live.js, workbench.js)?"""
    return request.headers.get("X-Requested-With") == "live"


class KeptTillShown(FallbackStorage):
    """Messages as Django keeps them, which a part of a page that renews itself does not use up.

    Such a part has no room for them: read there, they would be gone before a person saw them.
    """

    def update(self, response: HttpResponseBase) -> Any:
        """Keep what is unread for the next page."""
        if is_live(self.request):
            self.used = False
        return super().update(response)
