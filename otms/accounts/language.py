"""The admin in the language of who looks: the one they chose, or the first their browser asks for.

The API, the logs and what is stored are in English, whoever looks: they are quoted and searched.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers


class ViewersLanguage:
    """In the admin, what the product says is said in the viewer's language."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        language = translation.get_language_from_request(request)
        # Till the answer is rendered, which it is when it comes back here.
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ["Accept-Language"])
        return response
