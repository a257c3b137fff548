"""What the workbench saves, and what it does not."""

import json
from types import SimpleNamespace

import pytest

from otms.accounts.models import AuditEntry
from tests.admin.conftest import Browser
from tests.admin.workbench.bench import MAPPING, Bench, read

pytestmark = pytest.mark.django_db


def test_saving_it_saves_the_texts_and_nothing_else(own: SimpleNamespace, bench: Bench) -> None:
    secrets = dict(own.integration.data_sources.get().secrets)
    filters = [{"field": "$.transportOrder.status", "operator": "exists"}]
    answer = bench.presses(
        "save", mapping='{"n": 1.50}', filters=json.dumps(filters), conditions=json.dumps(filters)
    )
    assert "Saved" in answer.content.decode()
    own.integration.refresh_from_db()
    source = own.integration.data_sources.get()
    assert own.integration.filters == source.filters == filters
    assert str(source.mapping["n"]) == "1.50"
    assert dict(source.secrets) == secrets
    entry = AuditEntry.objects.of(own.platform).filter(action="update:integration").latest("id")
    assert any("mapping" in name for name in entry.changes)


def test_one_that_is_paused_is_saved_and_started(own: SimpleNamespace, browser: Browser) -> None:
    own.integration.switch(False)
    bench = Bench(browser, own.integration)
    assert "It is paused: nothing is queued for it" in read(bench.html)
    wrong = bench.presses("start", mapping="{")
    assert "Not saved" in wrong.content.decode()
    own.integration.refresh_from_db()
    assert not own.integration.enabled
    assert "It listens from now on" in bench.presses("start", mapping="{}").content.decode()
    own.integration.refresh_from_db()
    assert own.integration.enabled
    assert own.integration.data_sources.get().mapping == {}


def test_what_is_saved_and_makes_nothing_of_the_document_says_so(
    own: SimpleNamespace, bench: Bench
) -> None:
    number = '{"a": 1,\n "n": {"$path": "$.transportOrder.name", "$type": "integer"}}'
    said = read(bench.presses("save", mapping=number).content.decode())
    assert "Saved: what is sent from now on" in said
    assert "Nothing can be made of the document here, though. Line 2: n: `$type`" in said
    assert "Nothing can be made" not in bench.presses("save", mapping="{}").content.decode()


def test_what_is_wrong_is_not_saved(own: SimpleNamespace, bench: Bench) -> None:
    said = bench.presses("save", mapping='{"n": {"$nothing": 1}}').content.decode()
    assert "Not saved. dataSources[0].mapping.n: No operator" in said
    assert "Not saved. Mapping: This is not JSON" in (
        bench.presses("save", mapping="{").content.decode()
    )
    assert own.integration.data_sources.get().mapping == MAPPING


@pytest.mark.parametrize("name", ["filters", "conditions"])
@pytest.mark.parametrize("text", ["{}", "0", '""', "false"])
def test_what_is_no_list_of_filters_is_not_saved_as_none(
    own: SimpleNamespace, bench: Bench, name: str, text: str
) -> None:
    there = [{"field": "$.transportOrder.name", "operator": "exists"}]
    bench.presses("save", filters=json.dumps(there), conditions=json.dumps(there))
    again = Bench(bench.browser, own.integration)
    assert "Not saved" in again.presses("save", **{name: text}).content.decode()
    own.integration.refresh_from_db()
    assert own.integration.filters == own.integration.data_sources.get().filters == there
    Bench(bench.browser, own.integration).presses("save", filters="[]", conditions="[]")
    own.integration.refresh_from_db()
    assert (own.integration.filters, own.integration.data_sources.get().filters) == ([], None)


def test_what_somebody_else_saved_meanwhile_stays(own: SimpleNamespace, bench: Bench) -> None:
    own.integration.description = "by somebody else"
    own.integration.save()
    said = bench.presses("save", mapping='{"mine": 1}').content.decode()
    assert "somebody changed this since you opened it" in said
    assert "&quot;mine&quot;: 1" in said  # what was typed is still there
    assert own.integration.data_sources.get().mapping == MAPPING


def test_an_integration_that_is_kept_can_be_tried_and_not_saved(
    own: SimpleNamespace, browser: Browser
) -> None:
    own.integration.installation = own.installation
    own.integration.save()
    bench = Bench(browser, own.integration)
    assert 'value="save"' not in bench.html
    assert bench.presses("save").status_code == 403
