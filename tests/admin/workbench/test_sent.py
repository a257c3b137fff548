"""What the workbench sends for real, marked as a test."""

import json
from types import SimpleNamespace

import pytest

from integrations.models import IntegrationObject, RequestLog, Use
from tests.admin.conftest import Browser, queued
from tests.admin.workbench.bench import MAPPING, Bench, read
from tests.sink import Sink

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_a_test_is_sent_for_real(sink: Sink, browser: Browser, own: SimpleNamespace) -> None:
    source = own.integration.data_sources.get()
    source.settings, source.mapping = {"url": sink.url()}, MAPPING
    source.save()
    bench = Bench(browser, own.integration)
    waiting = IntegrationObject.objects.of(own.platform).count()
    said = read(bench.presses("send").content.decode())
    assert "It works: " in said
    assert sink.requests[0].json()["no"] == "own-order"
    typed = bench.fields["document"].replace("own-order", "typed")
    bench.presses("send", document=typed)
    assert sink.requests[1].json()["no"] == "typed"
    assert RequestLog.objects.of(own.platform).filter(test=True).count() == 2
    assert IntegrationObject.objects.of(own.platform).count() == waiting
    # What is typed and not saved is not sent.
    said = bench.presses("send", mapping='{"unsaved": 1}').content.decode()
    assert "Save it first" in said
    assert "the document needs a transportOrder with an id" in (
        bench.presses("send", document="{}").content.decode()
    )
    assert len(sink.requests) == 2


def test_a_later_step_sees_what_the_one_before_was_answered(
    own: SimpleNamespace, browser: Browser
) -> None:
    source = own.integration.data_sources.get()
    source.name, source.use = "ask", Use.ENRICH
    source.save()
    own.integration.data_sources.create(
        platform=own.platform,
        position=1,
        name="tell",
        connector="webhook",
        settings={"url": "http://127.0.0.1/tell"},
        mapping={"who": "$.steps.ask.debtor"},
    )
    row = queued(own.integration, own.order)
    row.requestlog_entries.update(
        data_source=source, response_status=200, response_body='{"debtor": 7}'
    )
    bench = Bench(browser, own.integration)
    second = own.integration.data_sources.get(position=1)
    answer = browser.client.get(bench.address, {"source": second.pk, "record": own.order.pk})
    assert '"who": 7' in read(answer.content.decode())


@pytest.mark.django_db(transaction=True)
def test_a_later_step_is_sent_as_it_is_shown(
    own: SimpleNamespace, browser: Browser, sink: Sink
) -> None:
    source = own.integration.data_sources.get()
    source.name, source.use = "ask", Use.ENRICH
    source.save()
    second = own.integration.data_sources.create(
        platform=own.platform,
        position=1,
        name="tell",
        connector="webhook",
        settings={"url": sink.url()},
        mapping={"who": "$.steps.ask.debtor", "flag": 1},
    )
    bench = Bench(browser, own.integration)
    document = json.loads(bench.fields["document"]) | {"steps": {"ask": {"debtor": 7}}}
    given = {"source": str(second.pk), "mapping": json.dumps(second.mapping), "filters": "[]"}
    bench.presses("send", **given, conditions="", document=json.dumps(document))
    assert sink.requests[0].json() == {"who": 7, "flag": 1}
    # What is typed otherwise is not what is stored, also where Python takes it for the same.
    given["mapping"] = json.dumps({**second.mapping, "flag": True})
    assert "Save it first" in bench.presses("send", **given, conditions="").content.decode()
    assert len(sink.requests) == 1
