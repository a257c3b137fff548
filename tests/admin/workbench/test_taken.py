"""Texts that the workbench takes from elsewhere: an earlier version, a suggestion."""

import json
from types import SimpleNamespace

import pytest

from tests.admin.workbench.bench import MAPPING, Bench, read

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_an_earlier_version_is_written_again(own: SimpleNamespace, bench: Bench) -> None:
    bench.presses("save", mapping='{"second": 2}')
    again = Bench(bench.browser, own.integration)
    (before,) = [each["version"] for each in again.shown["versions"][:1]]
    page = read(again.html)
    assert "Earlier versions" in page
    assert "second" in page
    given = {**again.fields, "version": before.pk}
    answer = again.browser.client.post(again.address, given)
    assert answer.context["texts"][0]["text"].replace(" ", "").replace("\n", "") == json.dumps(
        MAPPING, separators=(",", ":")
    )
    assert own.integration.data_sources.get().mapping == {"second": 2}


@pytest.mark.parametrize("version", ["abc", "1.5", "\0", "0", "9" * 30])
def test_a_version_that_is_none_is_not_found(bench: Bench, version: str) -> None:
    answer = bench.browser.client.post(bench.address, {**bench.fields, "version": version})
    assert answer.status_code == 404
    assert bench.presses("take").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_version_from_before_a_step_is_not_loaded_into_it(
    own: SimpleNamespace, bench: Bench
) -> None:
    bench.presses("save", mapping='{"second": 2}')
    before = Bench(bench.browser, own.integration).shown["versions"][0]["version"]
    step = own.integration.data_sources.create(
        platform=own.platform, position=1, name="later", mapping={"mine": 1}
    )
    later = bench.browser.client.get(bench.address, {"source": step.pk})
    assert later.context["versions"] == []
    given = {**bench.fields, "source": step.pk, "version": before.pk}
    assert bench.browser.client.post(bench.address, given).status_code == 404


def test_a_mapping_is_suggested_from_an_example(bench: Bench) -> None:
    answer = bench.presses("suggest", example='{"order_no": "1", "zzz": true}')
    said = read(answer.content.decode())
    assert "1 of 2 fields were recognised: look at each of them. Not zzz: these are left" in said
    assert answer.context["example"] == '{"order_no": "1", "zzz": true}'
    made = answer.context["texts"][0]["text"]
    assert "$.transportOrder." in json.loads(made)["order_no"]
    nothing = bench.presses("suggest", example='{"zzz": true}', mapping='{"mine": 1}')
    assert "Nothing in it looks like anything of ours." in nothing.content.decode()
    assert nothing.context["texts"][0]["text"] == '{"mine": 1}'
    assert "The example can&#x27;t be read" in bench.presses("suggest", example="").content.decode()
