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


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django, for which requests that servers hand over in different ways are made the same."""
    # A charset would decode the address too, and some that Python knows are none (`hex`).
    environ["CONTENT_TYPE"] = _CHARSET.sub("", environ.get("CONTENT_TYPE", ""))
    if environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH"):
        _measure(environ)
    return _django(environ, start_response)


def _measure(environ: dict[str, Any]) -> None:
    """Give a body that came in chunks a length: without one, Django takes it for empty.

    Of one that is too large only so much is read that Django sees it is.
    """
    body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
