"""The WSGI application, for gunicorn, waitress and their like."""

import os
import re
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "otms.settings")
_django = get_wsgi_application()

_CHARSET = re.compile(r';\s*charset\*?\s*=\s*("[^"]*"|[^;]*)', re.IGNORECASE)


def application(asked: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django, for which requests that servers hand over in different ways are made the same."""
    # A charset would decode the address too, and some that Python knows are none (`hex`).
    asked["CONTENT_TYPE"] = _CHARSET.sub("", asked.get("CONTENT_TYPE", ""))
    if asked.get("wsgi.input_terminated") and not asked.get("CONTENT_LENGTH"):
        _measure(asked)
    return _django(asked, start_response)


def _measure(asked: dict[str, Any]) -> None:
    """Give a body that came in chunks a length: without one, Django takes it for empty.

    Of one that is too large only so much is read that Django sees it is.
    """
    body = asked["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    asked["wsgi.input"] = BytesIO(body)
    asked["CONTENT_LENGTH"] = str(len(body))
