"""Files are stored as they come and told what they are; a template's mapping is tried."""

from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile

from integrations.models import Credential, File
from otms.accounts.models import Platform
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "integration/file/upload"
CSV = "order;customer\n4711;Acme\n4712;Müller\n"


def upload(api: Api, content: bytes, name: str = "orders.csv", **fields: Any) -> Any:
    data = {"file": SimpleUploadedFile(name, content), **fields}
    return api.client.post(f"/api/{PATH}", data, headers=api.headers)


def test_a_file_is_stored_as_it_came_and_told_what_it_is(api: Api, platform: Platform) -> None:
    answer = upload(api, CSV.encode("cp1252"), purpose="orders").json()
    told = answer["file"]
    assert (told["format"], told["encoding"], told["delimiter"]) == ("csv", "cp1252", ";")
    assert told["structure"] == {"columns": ["order", "customer"], "rows": 2}
    assert (told["originalName"], told["extension"]) == ("orders.csv", "csv")
    assert (told["mimeType"], told["size"], told["purpose"]) == ("text/csv", 37, "orders")
    assert [each["field"] for each in answer["warnings"]] == ["file"]
    stored = File.objects.of(platform).get(pk=told["id"])
    assert bytes(stored.content) == CSV.encode("cp1252")
    assert api.ok("GET", f"integration/file/{told['id']}")["file"] == told


def test_a_name_is_no_path(api: Api) -> None:
    told = upload(api, b"a;b\n1;2\n", "../../etc/passwd").json()["file"]
    assert (told["originalName"], told["name"]) == ("passwd", told["id"])


def test_another_format_than_said_is_a_warning(api: Api) -> None:
    (warning,) = upload(api, b'{"a": 1}', format="csv").json()["warnings"]
    assert warning["field"] == "format"
    assert "it is json" in warning["message"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"format": "word"}, "format"),
        ({"integrationId": "x"}, "integrationId"),
        ({"integrationId": str(uuid4())}, "integrationId"),
        ({"folder": "x"}, "folder"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_stored(
    api: Api, platform: Platform, fields: dict[str, str], field: str
) -> None:
    answer = upload(api, b"a;b\n1;2\n", **fields)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert not File.objects.of(platform).exists()


def test_no_file_an_empty_one_and_no_form_are_refused(api: Api) -> None:
    headers = api.headers
    missing = api.client.post(f"/api/{PATH}", {"purpose": "x"}, headers=headers)
    assert (missing.status_code, missing.json()["errors"][0]["field"]) == (400, "file")
    empty = upload(api, b"")
    assert (empty.status_code, empty.json()["errors"][0]["field"]) == (400, "file")
    wrong = api("POST", PATH, {"file": "x"})
    assert wrong.status_code == 415
    assert "multipart/form-data" in wrong.json()["message"]


def test_a_file_that_is_too_large_is_refused(api: Api, settings: LazySettings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    assert upload(api, b"x" * 20_000).status_code == 413


def test_the_same_upload_with_a_key_is_one_file(api: Api, platform: Platform) -> None:
    api.headers["Idempotency-Key"] = "one"
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        b"a;b\n1;2\n\r\n--b--\r\n"
    )
    answers = [
        api.client.generic(
            "POST", f"/api/{PATH}", body, "multipart/form-data; boundary=b", headers=api.headers
        )
        for _ in range(2)
    ]
    assert answers[0].status_code == 200, answers[0].content
    assert answers[0].content == answers[1].content
    assert File.objects.of(platform).count() == 1


def test_an_integration_uploads_for_itself_and_sees_its_own(api: Api, platform: Platform) -> None:
    own, other = make.integration(platform=platform), make.integration(platform=platform)
    caller = Api(Credential.generate(own)[1]["token"])
    told = upload(caller, b"a;b\n1;2\n").json()["file"]
    assert told["integrationId"] == str(own.pk)
    assert caller.ok("GET", f"integration/file/{told['id']}")["file"]["id"] == told["id"]
    refused = upload(caller, b"a;b\n1;2\n", integrationId=str(other.pk))
    assert refused.status_code == 400
    elsewhere = upload(api, b"a;b\n1;2\n", integrationId=str(other.pk)).json()["file"]
    caller.refused("GET", f"integration/file/{elsewhere['id']}", code=404)


def test_another_platforms_file_is_a_404(api: Api) -> None:
    stranger = Api(make.token(make.UserFactory()))
    told = upload(stranger, b"a;b\n1;2\n").json()["file"]
    api.refused("GET", f"integration/file/{told['id']}", code=404)


TEST = "integration/fileTemplate/mapping:test"
ORDER = {"transportOrder": {"id": "1", "customer": {"name": "=Acme"}, "weight": 12.50}}


def test_the_guides_call_shows_what_would_be_written(api: Api) -> None:
    mapping = {"erp_order_id": "$.transportOrder.id", "vat": "$.transportOrder.vat"}
    answer = api.ok("POST", TEST, {"mapping": mapping, "testData": ORDER})
    assert answer["result"] == {"erp_order_id": "1"}
    assert answer["preview"] == '{\n  "erp_order_id": "1"\n}'
    assert [each["target"] for each in answer["warnings"]] == ["vat"]


def test_a_table_is_previewed_and_no_cell_is_a_formula(api: Api) -> None:
    mapping = {"order": "$.transportOrder.id", "customer": "$.transportOrder.customer.name"}
    body = {"mapping": mapping, "testData": ORDER, "format": "csv"}
    assert api.ok("POST", TEST, body)["preview"] == "order;customer\r\n1;'=Acme\r\n"


def test_what_has_no_form_in_a_table_is_named(api: Api) -> None:
    body = {"mapping": {"a": "$.transportOrder.customer"}, "testData": ORDER, "format": "csv"}
    (error,) = api.refused("POST", TEST, body)["errors"]
    assert error["field"] == "format"
    assert "`a` is an object" in error["message"]


def test_a_broken_mapping_is_named(api: Api) -> None:
    (error,) = api.refused("POST", TEST, {"mapping": {"a": "$.["}, "testData": {}})["errors"]
    assert error["field"] == "mapping.a"


@pytest.mark.timeout(60)
def test_a_table_of_unlike_rows_is_not_squared(api: Api) -> None:
    rows = [{f"n{number}": 1} for number in range(30_000)]
    body = {"mapping": "$.rows", "testData": {"rows": rows}, "format": "csv"}
    (error,) = api.refused("POST", TEST, body)["errors"]
    assert (error["field"], error["code"]) == ("format", "does_not_fit")
    assert "30000 rows and 30000 columns" in error["message"]


def test_a_file_that_is_sent_again_is_kept_once(api: Api, platform: Platform) -> None:
    def send(boundary: str, content: str) -> Any:
        head = 'Content-Disposition: form-data; name="file"; filename="orders.csv"'
        body = f"--{boundary}\r\n{head}\r\n\r\n{content}\r\n--{boundary}--\r\n"
        kind = f"multipart/form-data; boundary={boundary}"
        key = {"Idempotency-Key": "k1"}
        return api("POST", PATH, body.encode(), content_type=kind, headers=key)

    first, again = send("one", CSV), send("another", CSV)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert send("one", "order;customer\n").status_code == 409
    assert File.objects.of(platform).count() == 1


def test_a_table_that_is_none_is_told(api: Api) -> None:
    (warning,) = upload(api, b"Nr~Kunde\n1~Acme\n2~Bolt\n").json()["warnings"]
    assert "sep=~" in warning["message"]


def test_an_integration_of_the_longest_name_uploads(platform: Platform) -> None:
    integration = make.IntegrationFactory(platform=platform, name="N" * 200)
    _, shown = Credential.generate(integration)
    assert upload(Api(shown["token"]), b"a;b\n1;2\n").status_code == 200
    assert len(File.objects.of(platform).get().uploaded_by) == 200
