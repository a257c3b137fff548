"""What the web servers do with bodies that are too large, have no length, or never come."""

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from otms import env
from tests.run.conftest import ROOT, Start, free_port

pytestmark = pytest.mark.embedded
MIB = 1024 * 1024
LOGIN = "/api/user/login"
NOBODY = json.dumps({"username": "nobody", "password": "x"}).encode()


@pytest.fixture(scope="module")
def standalone(start: Start) -> int:
    run = start("standalone", OTMS_MAX_BODY_MB="1")
    assert run.answers(), run.rest()
    return run.port


@pytest.fixture(scope="module")
def gunicorn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    here = {
        "DATABASE_URL": "",
        "CELERY_BROKER_URL": "memory://localhost",
        "OTMS_VAR": str(tmp_path_factory.mktemp("var")),
        "OTMS_MAX_BODY_MB": "1",
        "OTMS_HTTPS": "false",
    }
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"],
        cwd=ROOT,
        env=env.extended(**here),
        check=True,
    )
    command = ["-m", "gunicorn", "otms.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "2"]
    process = subprocess.Popen(
        [sys.executable, *command, "--no-control-socket"],
        cwd=ROOT,
        env=env.extended(**here),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    yield port
    process.terminate()
    process.wait(30)


@pytest.fixture(params=["standalone", pytest.param("gunicorn", marks=pytest.mark.long)])
def port(request: pytest.FixtureRequest) -> int:
    found: int = request.getfixturevalue(request.param)
    return found


def in_chunks(body: bytes) -> Iterator[bytes]:
    for place in range(0, len(body), 100_000):
        yield body[place : place + 100_000]


def asked(port: int, body: Any, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        given = {"Content-Type": "application/json", **headers}
        chunked = not isinstance(body, bytes)
        connection.request("POST", LOGIN, body, given, encode_chunked=chunked)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_body_in_chunks_is_read(port: int) -> None:
    chunked = {"Transfer-Encoding": "chunked"}
    status, told = asked(port, in_chunks(NOBODY), **chunked)
    assert (status, told["message"]) == (401, "The username or the password is wrong.")


def test_a_body_in_chunks_that_is_too_large_is_refused(port: int) -> None:
    large = b'{"username": "%s"}' % (b"x" * (MIB + 200_000))
    status, told = asked(port, in_chunks(large), **{"Transfer-Encoding": "chunked"})
    assert (status, told["code"]) == (413, 413)


def test_a_body_that_is_too_large_is_refused(port: int) -> None:
    status, told = asked(port, b'{"username": "%s"}' % (b"x" * (MIB + 200_000)))
    assert (status, told["code"]) == (413, 413)


def test_a_gigabyte_is_refused_before_it_comes(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as caller:
        head = (
            f"POST {LOGIN} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {1024 * MIB}\r\n\r\n"
        )
        caller.sendall(head.encode())
        caller.settimeout(10)
        assert b" 413 " in caller.recv(4096).partition(b"\r\n")[0]


def test_a_head_of_a_megabyte_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as caller:
        caller.settimeout(10)
        try:
            caller.sendall(
                b"GET /api/docs?q=" + b"x" * MIB + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            )
            told = caller.recv(4096)
        except ConnectionError:
            return  # closed while it was still coming
        assert not told or told.split()[1] in (b"400", b"414", b"431"), told[:100]


def test_who_sends_slowly_keeps_nobody_waiting(standalone: int) -> None:
    head = f"POST {LOGIN} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nx"
    slow = [socket.create_connection(("127.0.0.1", standalone), 10) for _ in range(40)]
    try:
        for each in slow:
            each.sendall(head.encode())
        started = time.monotonic()
        assert asked(standalone, NOBODY)[0] == 401
        assert time.monotonic() - started < 10
    finally:
        for each in slow:
            each.close()
