"""The WSGI application, for gunicorn, waitress and their like."""

import os
import re
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from otms import garbage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "otms.settings")

Application = Callable[..., Iterable[bytes]]
CHARSET = re.compile(r';\s*charset\*?\s*=\s*("[^"]*"|[^;]*)', re.IGNORECASE)


def with_length(answer: Application) -> Application:
    """A body that comes in chunks is read up to the limit, and then has a length as others do.

    Django takes a body without a length for none. Some servers give it one by themselves.
    """

    def read(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if asked.get("wsgi.input_terminated") and not asked.get("CONTENT_LENGTH"):
            body = asked["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            asked["wsgi.input"], asked["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        return answer(asked, start_response)

    return read


def without_charset(answer: Application) -> Application:
    """All is UTF-8: another charset, or a codec that is none, would decode the address too."""

    def read(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked["CONTENT_TYPE"] = CHARSET.sub("", asked.get("CONTENT_TYPE", ""))
        return answer(asked, start_response)

    return read


application = with_length(without_charset(get_wsgi_application()))
garbage.settle()
