"""Whatever server hands a request over, it is read as the same."""

from io import BytesIO
from typing import Any

import pytest
from django.conf import LazySettings

from otms import documents
from otms.accounts.models import Platform, User
from otms.orders.models import TransportOrder
from otms.wsgi import application
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)


def call(method: str, path: str, body: bytes = b"", **environ: Any) -> tuple[int, Any]:
    """The status and the answer of a request as a server hands it over."""
    statuses: list[int] = []
    whole = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        **environ,
    }
    answer = application(whole, lambda status, *_: statuses.append(int(status.split()[0])))
    return statuses[0], documents.loads(b"".join(answer))


def create(user: User, body: bytes, **environ: Any) -> tuple[int, Any]:
    shown = {"HTTP_AUTHORIZATION": f"Bearer {make.token(user)}", "CONTENT_TYPE": "application/json"}
    return call("POST", "/api/transportOrder", body, **shown, **environ)


CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


def test_a_body_in_chunks_is_read(user: User, platform: Platform) -> None:
    status, _ = create(user, b'{"name": "4711"}', **CHUNKED)
    assert status == 200
    assert TransportOrder.objects.of(platform).get().name == "4711"


def test_a_body_in_chunks_that_is_too_large_is_not_read_on(
    user: User, settings: LazySettings
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    large = BytesIO(b'{"name": "' + b"x" * 5000 + b'"}')
    status, _ = create(user, b"", **CHUNKED, **{"wsgi.input": large})
    assert status == 413
    assert large.tell() == 1001


def test_a_connection_that_stays_open_is_not_waited_for(user: User) -> None:
    class Open(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise AssertionError("nobody said that anything would come")

    status, answer = create(user, b"", **{"wsgi.input": Open()})
    assert (status, answer["message"][:18]) == (400, "The body is empty;")


@pytest.mark.parametrize("charset", ["hex", "rot13", "idna", "undefined", "punycode", '"hex"'])
@pytest.mark.parametrize("path", ["/api/integrations/0/5", "/api/user/login", "/api/nothing"])
def test_a_charset_that_is_none_harms_nobody(path: str, charset: str) -> None:
    kind = f"a/b; charset={charset}; x=y"
    status, _ = call("GET", path, CONTENT_TYPE=kind, QUERY_STRING="x=%e4")
    assert 400 <= status < 500
