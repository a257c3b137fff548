"""What comes in is bounded before it is worked on, and is what its bytes are, not what it says."""

import io
import time
import tracemalloc
import zipfile
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory
from django.urls import reverse

from integrations.core.detection import detect
from integrations.models import File
from otms import documents
from otms.accounts.models import Platform
from otms.wsgi import with_length
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db
UPLOAD = "/api/integration/file/upload"
MIB = 1024 * 1024


def upload(api: Api, content: bytes, name: str = "orders.csv", **fields: Any) -> Any:
    data = {"file": SimpleUploadedFile(name, content), **fields}
    return api.client.post(UPLOAD, data, headers=api.headers)


def form(api: Api, body: bytes, type: str = "multipart/form-data; boundary=b") -> Any:
    return api.client.generic("POST", UPLOAD, body, type, headers=api.headers)


def part(content: bytes, name: str = "a.csv", more: bytes = b"") -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    return head.encode() + more + b"\r\n" + content + b"\r\n"


# JSON.


@pytest.mark.parametrize(
    ("unit", "head", "tail"),
    [
        (b"[],", b'{"a":[', b"0]}"),
        (b"{},", b'{"a":[', b"0]}"),
        (b"1.5,", b'{"a":[', b"0]}"),
        (b'{"a":1},', b'{"a":[', b"0]}"),
        (b'"\\ud800",', b'{"a":[', b"0]}"),
        (b"[", b"", b""),
        (b'{"a":', b"", b""),
        (b"1e999,", b'{"a":[', b"0]}"),
    ],
)
def test_a_crowded_body_costs_no_more_than_its_bytes(
    api: Api, unit: bytes, head: bytes, tail: bytes
) -> None:
    body = head + unit * (5 * MIB // len(unit)) + tail
    tracemalloc.start()
    answer = api("POST", "transportOrder", body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.status_code == 400
    assert "more than 500000 values; send it in parts" in answer.json()["message"]
    assert peak < 6 * len(body)


def test_what_looks_crowded_is_counted(api: Api) -> None:
    told = "," * 600_000 + '\\"[{'
    body = b'{"name": "x", "description": "%s"}' % told.encode()
    assert documents.loads(body, most=3)["description"] == told.replace("\\", "")
    with pytest.raises(documents.TooMany, match="more than 2 values"):
        documents.loads(body, most=2)
    assert documents.loads(b"[" + b"1," * 499_998 + b"1]", most=500_000)
    with pytest.raises(documents.TooMany):
        documents.loads(b"[" + b"1," * 500_000 + b"1]", most=500_000)
    for open_ended in (b'["' + b"," * 99, b'["\\' + b'\\"' * 99, b'["\\'):
        with pytest.raises(documents.DocumentError, match="not JSON"):
            documents.loads(open_ended, most=2)


@pytest.mark.parametrize(
    "text", ['"' + ",\\\\" * MIB, '["' + '\\"' * MIB, "[" + '",' * MIB, '"' * MIB]
)
def test_counting_takes_time_that_grows_with_the_text_and_not_faster(text: str) -> None:
    def taken(part: str) -> float:
        started = time.process_time()
        documents._has_more(part, 10)
        return time.process_time() - started

    taken(text)
    assert taken(text) < 20 * max(taken(text[: len(text) // 4]), 0.002)


def test_very_long_parameters_are_refused(api: Api) -> None:
    where = f"integration/{make.IntegrationFactory().pk}/objects/0/1"
    found = api.refused("GET", f"{where}?q={'x' * 8000}")
    assert found["message"] == "The parameters are longer than 8000 characters."


# Forms.


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("C:\\orders\\today.csv", "today.csv"),
        ("/etc/passwd", "passwd"),
        ("orders\u202evsc.exe", "ordersvsc.exe"),
        ("or\u200bders\x7f.csv", "orders.csv"),
        ("orders&#0;.csv", "orders\ufffd.csv"),
        ("orders&#10;.csv", "orders.csv"),
        ("CON", "CON"),
        ("aux.csv", "aux.csv"),
        ("Bestellung Müller 8.csv", "Bestellung Müller 8.csv"),
        ("🚚.csv", "🚚.csv"),
        ("<img src=x onerror=alert(1)>.csv", "<img src=x onerror=alert(1)>.csv"),
        ("x" * 300 + ".csv", "x" * 251 + ".csv"),
    ],
)
def test_a_name_is_a_word_and_no_path(api: Api, platform: Platform, said: str, kept: str) -> None:
    told = form(api, part(b"a;b\n1;2\n", said) + b"--b--\r\n").json()
    assert told["file"]["originalName"] == kept, told
    stored = File.objects.of(platform).get()
    assert stored.original_name == kept
    assert told["file"]["name"].startswith(str(stored.pk))
    assert "/" not in told["file"]["name"]


@pytest.mark.parametrize("name", ["..", ".", "/", "..\\", "a/"])
def test_a_name_that_is_none_brings_no_file(api: Api, platform: Platform, name: str) -> None:
    answer = form(api, part(b"a;b\n1;2\n", name) + b"--b--\r\n")
    assert answer.status_code == 400
    assert not File.objects.of(platform).exists()


FILE = part(b"a;b\n1;2\n")
FIELD = b'--b\r\nContent-Disposition: form-data; name="x%d"\r\n\r\n1\r\n'
END = b"--b--\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b",
        END,
        FILE,
        FILE * 6 + END,
        FILE * 1000 + END,
        b"".join(FIELD % number for number in range(1500)) + FILE + END,
        part(b"x", "n" * 10_000) + END,
        part(b"x", more=b"X-Long: " + b"x" * 100_000 + b"\r\n") + END,
        part(b"x", more=b"X: y\r\n" * 10_000) + END,
        part(b"x", more=b"Content-Transfer-Encoding: base64\r\n") + END,
        b"--b\r\n" * 100_000,
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END,
        b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nno file\r\n' + END,
        FILE + FIELD % 1 + END,
        b"\x00" * 100_000,
    ],
)
def test_a_form_that_is_none_of_ours_is_refused(api: Api, platform: Platform, body: bytes) -> None:
    answer = form(api, body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["message"]
    assert not File.objects.of(platform).exists()


@pytest.mark.parametrize(
    "type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "b" * 500,
    ],
)
def test_a_form_needs_a_boundary(api: Api, type: str) -> None:
    assert form(api, FILE + END, type).status_code == 400


# Files.


@pytest.mark.parametrize(
    ("content", "name", "format"),
    [
        (b"MZ\x90\x00\x03\x00\x00\x00", "orders.csv", "binary"),
        (b"\x7fELF\x02\x01\x01\x00", "orders.xlsx", "binary"),
        (b"%PDF-1.7\n", "orders.csv", "pdf"),
        (b"<html><script>alert(1)</script></html>", "orders.png", "xml"),
        (b"a;b\n1;2\n3;4\n", "orders.pdf", "csv"),
        (b'{"a": 1}', "orders.exe", "json"),
    ],
)
def test_a_file_is_what_its_bytes_are(api: Api, content: bytes, name: str, format: str) -> None:
    sent = SimpleUploadedFile(name, content, content_type="image/png")
    answer = api.client.post(UPLOAD, {"file": sent}, headers=api.headers).json()
    assert answer["file"]["format"] == format
    assert answer["file"]["mimeType"] != "image/png"


def test_a_file_is_given_back_as_bytes_and_never_as_a_page(
    api: Api, platform: Platform, settings: LazySettings
) -> None:
    from tests.admin.conftest import Browser, staff

    page = b"<html><script>alert(1)</script></html>"
    id = upload(api, page, 'a".html').json()["file"]["id"]
    person = staff(platform, is_superuser=True)
    answer = Browser(person).client.get(reverse("admin:integrations_file_download", args=[id]))
    assert b"".join(answer.streaming_content) == page
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert answer["X-Content-Type-Options"] == "nosniff"


def zipped(files: int, content: bytes = b"", first: str = "") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        if first:
            archive.writestr(first, content)
        for number in range(files):
            archive.writestr(f"{number}.xml", content)
    return made.getvalue()


def test_a_zip_is_looked_at_and_never_unpacked() -> None:
    bomb = zipped(20, b"\0" * (20 * MIB), "xl/workbook.xml")
    assert len(bomb) < MIB
    tracemalloc.start()
    found = detect(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.format == "xlsx"
    assert peak < MIB


def test_a_zip_of_very_many_files_is_not_even_looked_at() -> None:
    crowd = zipped(3000, first="xl/workbook.xml")
    tracemalloc.start()
    found = detect(crowd)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.format, found.warnings) == ("binary", ["A zip archive of very many files."])
    assert peak < MIB
    assert detect(b"PK\x03\x04" + b"PK\x01\x02" * 100_000).format == "binary"


def test_a_crowded_file_is_stored_and_not_looked_into(api: Api) -> None:
    answer = upload(api, b"[" + b"{}," * 600_000 + b"{}]", "orders.json").json()
    assert (answer["file"]["format"], answer["file"]["structure"]) == ("json", None)
    assert [each["message"] for each in answer["warnings"]] == [
        "It is too large to be looked into."
    ]


@pytest.mark.parametrize(
    ("size", "most"), [(MIB, 30 * MIB), pytest.param(5 * MIB, 60 * MIB, marks=pytest.mark.long)]
)
@pytest.mark.parametrize(
    "unit",
    [
        b"a;b;c\n",
        b"a",
        b";",
        b';"\n"',
        b'"',
        b"<a>",
        b"\n",
        b" ",
        b"UNB+",
        b'{"a":1}\n',
        b"\xff\x00",
    ],
)
def test_a_large_upload_takes_bounded_memory(api: Api, unit: bytes, size: int, most: int) -> None:
    """From one that is just looked into to the largest that is taken."""
    content = unit * (size // len(unit))
    tracemalloc.start()
    answer = upload(api, content, "large.csv")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.status_code == 200
    assert peak < most


# Bodies in chunks.


class Counted(io.BytesIO):
    """What a server hands on of a body whose length nobody knows."""

    given = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.given += len(data)
        return data


def test_a_body_without_a_length_is_read_to_the_limit_and_no_further(
    settings: LazySettings,
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    seen = {}

    def answer(environ: Any, start_response: Any) -> list[bytes]:
        seen["length"] = environ["CONTENT_LENGTH"]
        return [environ["wsgi.input"].read()]

    endless = Counted(b"x" * 100_000)
    environ = RequestFactory().get("/").environ
    environ |= {"wsgi.input": endless, "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    (body,) = with_length(answer)(environ, None)
    assert (endless.given, len(body), seen["length"]) == (1001, 1001, "1001")
    given = {"wsgi.input": Counted(b"abc"), "wsgi.input_terminated": True, "CONTENT_LENGTH": "3"}
    assert with_length(answer)(environ | given, None) == [b"abc"]
