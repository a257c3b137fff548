"""The workbench: what is written, a record beside it, and what comes of it."""

import json
import re
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from integrations.models import IntegrationObject, RequestLog, Use
from otms.accounts.models import AuditEntry
from tests import make
from tests.admin.conftest import Browser, queued, without_tags
from tests.sink import Sink

pytestmark = pytest.mark.django_db
MAPPING = {"no": "$.transportOrder.name", "by": "$.transportOrder.customer.name"}


def read(html: str) -> str:
    """As a person reads it."""
    return " ".join(unescape(without_tags(html)).split())


def page_of(integration: Any) -> str:
    return reverse("admin:integrations_integration_workbench", args=[integration.pk])


class Bench:
    """The workbench of an integration, as its script uses it, and as a person without one does."""

    def __init__(self, browser: Browser, integration: Any) -> None:
        self.browser, self.address = browser, page_of(integration)
        html = browser.html(self.address)
        context = browser.client.get(self.address).context
        self.html, self.shown = html, context
        self.fields = {each["name"]: each["text"] for each in context["texts"]} | {
            "document": context["document"],
            "record": str(context["record"] or ""),
            "source": str(context["source"].pk),
            "as_read": context["as_read"],
        }

    def types(self, **texts: Any) -> str:
        """What the page shows a moment after this was typed."""
        answer = self.browser.client.post(
            self.address, {**self.fields, **texts}, headers={"X-Requested-With": "live"}
        )
        assert answer.status_code == 200
        return read(answer.content.decode())

    def presses(self, button: str, **more: Any) -> Any:
        given = {**self.fields, "do": button, **more}
        return self.browser.client.post(self.address, given, follow=True)


@pytest.fixture
def bench(own: SimpleNamespace, browser: Browser) -> Bench:
    source = own.integration.data_sources.get()
    source.mapping = MAPPING
    source.save()
    own.integration.filters = []
    own.integration.save()
    return Bench(browser, own.integration)


def test_it_opens_with_what_is_stored_and_the_newest_record(
    own: SimpleNamespace, bench: Bench
) -> None:
    assert json.loads(bench.fields["mapping"]) == MAPPING
    assert bench.fields["filters"] == ""
    document = json.loads(bench.fields["document"])
    assert document["transportOrder"]["name"] == "own-order"
    assert '"no": "own-order"' in read(bench.html)
    assert '"by": "own-customer"' in read(bench.html)
    looked = AuditEntry.objects.of(own.platform).filter(action="get:integration:object")
    assert looked.count() == 1


def test_what_is_typed_is_shown_at_once_and_not_saved(own: SimpleNamespace, bench: Bench) -> None:
    seen = bench.types(mapping='{"order": "$.transportOrder.name", "x": {"$lookup": {}}}')
    assert "Line 1: `x`:" in seen
    seen = bench.types(mapping='{"order":\n "$.transportOrder.name"}')
    assert '"order": "own-order"' in seen
    assert own.integration.data_sources.get().mapping == MAPPING


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        (
            '{\n"a": 1,\n"b"}',
            "Line 3: This is not JSON: Expecting ':' delimiter, line 3, column 4.",
        ),
        ('{\n"a": 1,\n"b": {"$nothing": 2}}', "Line 3: `b`: No operator `$nothing`"),
        ('{\n"a": {"$path": "$.transportOrder.name",\n "$type": "integer"}}', "Line 2: a:"),
        (
            '{\n"a": 1,\n"b": "$.transportOrder.nam"}',
            "Line 3: `b` was left out: `$.transportOrder.nam` is not in the document. "
            "Did you mean `$.transportOrder.name`? Use it",
        ),
        (
            '{\n"a": 1,\n"b": {"$path": "$.transportOrder.name", "$lokup": {}}}',
            "Did you mean `$lookup`? Use it",
        ),
        ('{"a": 1, "a": 2}', 'Line 1: The key "a" stands twice in one object.'),
    ],
)
def test_what_is_wrong_stands_at_its_line(bench: Bench, mapping: str, said: str) -> None:
    assert said in bench.types(mapping=mapping)


def test_what_is_not_saved_says_so_after_each_button(bench: Bench) -> None:
    assert re.search(r'id="unsaved"[^>]* hidden>', bench.html)
    html = bench.presses("look", mapping='{"a": 1}').content.decode()
    assert re.search(r'id="unsaved"[^>]*"status">', html)


def test_filters_say_what_they_see(bench: Bench) -> None:
    asked = {"field": "$.transportOrder.name", "operator": "eq", "value": "own-order"}
    seen = bench.types(filters=json.dumps([asked]))
    assert "Filters of the integration: yes" in seen
    assert "holds: $.transportOrder.name eq own-order , it is own-order" in seen
    seen = bench.types(conditions=json.dumps([{**asked, "value": "other"}]))
    assert "Filters of this step alone: no, nothing would be sent" in seen
    asked["field"] = "$.transportOrder.nam"
    seen = bench.types(filters=json.dumps([{"field": "$", "operator": "exists"}, asked], indent=1))
    assert "Line 7: `$.transportOrder.nam` finds nothing in this document." in seen
    assert "Did you mean `$.transportOrder.name`? Use it" in seen
    for written, meant in {"exist": "exists", "equals": "eq", ">=": "gte"}.items():
        slip = json.dumps([{"field": "$.transportOrder.name", "operator": written, "value": 1}])
        assert f"Did you mean `{meant}`? Use it" in bench.types(filters=slip)
    # A slip in one text does not hide what the others say.
    seen = bench.types(filters="[1", mapping='{"n": "$.transportOrder.name"}')
    assert "Filters of the integration: can't be read" in seen
    assert '"n": "own-order"' in seen


def test_the_document_may_be_another_one(own: SimpleNamespace, bench: Bench) -> None:
    assert '"no": "typed"' in bench.types(document='{"transportOrder": {"name": "typed"}}')
    assert "This is not JSON" in bench.types(document="{")
    other = make.OrderFactory(platform=own.platform, name="other", order_id="4712")
    for answer in (
        bench.presses("look", record=str(other.pk), document=""),
        bench.presses("find", asked="4712"),
    ):
        assert '"no": "other"' in read(answer.content.decode())
    assert "Nothing is called 4713" in bench.presses("find", asked="4713").content.decode()


def test_records_of_others_are_not_there(
    own: SimpleNamespace, foreign: SimpleNamespace, bench: Bench
) -> None:
    assert bench.browser.client.get(page_of(foreign.integration)).status_code == 404
    answer = bench.presses("look", record=str(foreign.order.pk), document="")
    assert "foreign" not in answer.content.decode()
    assert "Nothing is called foreign-order" in (
        bench.presses("find", asked="foreign-order").content.decode()
    )


def test_who_may_see_no_records_sees_the_example(own: SimpleNamespace) -> None:
    may = ["get:integration", "test:mapping"]
    person = make.UserFactory(platform=own.platform, is_staff=True, role="", may=may)
    bench = Bench(Browser(person), own.integration)
    assert "own-order" not in bench.html
    assert json.loads(bench.fields["document"])["transportOrder"]["id"]
    answer = bench.presses("look", record=str(own.order.pk), document="")
    assert "own-order" not in answer.content.decode()
    for button, more in (("save", {}), ("send", {}), ("suggest", {"example": "{}"})):
        assert bench.presses(button, **more).status_code == 403, button


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


def test_that_nothing_would_be_in_it_is_said(bench: Bench) -> None:
    assert "an empty document would be sent" in bench.types(mapping="{}")
    assert "an empty document would be sent" not in bench.types(mapping='{"n": 1}')


def test_what_is_wrong_is_not_saved(own: SimpleNamespace, bench: Bench) -> None:
    said = bench.presses("save", mapping='{"n": {"$nothing": 1}}').content.decode()
    assert "Not saved. dataSources[0].mapping.n: No operator" in said
    assert "Not saved. Mapping: This is not JSON" in (
        bench.presses("save", mapping="{").content.decode()
    )
    assert own.integration.data_sources.get().mapping == MAPPING


def test_what_somebody_else_saved_meanwhile_stays(own: SimpleNamespace, bench: Bench) -> None:
    own.integration.description = "by somebody else"
    own.integration.save()
    said = bench.presses("save", mapping='{"mine": 1}').content.decode()
    assert "somebody changed this since you opened it" in said
    assert "&quot;mine&quot;: 1" in said  # what was typed is still there
    assert own.integration.data_sources.get().mapping == MAPPING


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


def test_an_integration_that_is_kept_can_be_tried_and_not_saved(
    own: SimpleNamespace, browser: Browser
) -> None:
    own.integration.installation = own.installation
    own.integration.save()
    bench = Bench(browser, own.integration)
    assert 'value="save"' not in bench.html
    assert bench.presses("save").status_code == 403


def test_it_asks_the_database_as_often_for_any_number_of_records(
    own: SimpleNamespace, bench: Bench
) -> None:
    bench.browser.looks(bench.address)
    before = bench.browser.looks(bench.address)
    for number in range(12):
        make.OrderFactory(platform=own.platform, name=f"more {number}")
    assert bench.browser.looks(bench.address) <= before
    assert before <= 20


def test_records_are_for_who_may_see_them(own: SimpleNamespace) -> None:
    may = ["get:integration", "test:mapping", "get:integration:object"]
    person = make.UserFactory(platform=own.platform, is_staff=True, role="", may=may)
    bench = Bench(Browser(person), own.integration)
    assert "own-order" not in bench.html
    for button, more in (("look", {"record": str(own.order.pk)}), ("find", {"asked": "own-order"})):
        shown = bench.presses(button, document="", **more).context["document"]
        assert "own-order" not in shown


def test_who_may_not_see_integrations_sees_no_workbench(own: SimpleNamespace) -> None:
    for permission, page in (("test:mapping", "workbench"), ("create:integration", "duplicate")):
        person = make.UserFactory(platform=own.platform, is_staff=True, role="", may=[permission])
        where = reverse(f"admin:integrations_integration_{page}", args=[own.integration.pk])
        assert Browser(person).client.get(where).status_code == 403
        assert Browser(person).client.post(where, {"name": "x"}).status_code == 403


def test_each_record_that_is_looked_at_is_written_down(own: SimpleNamespace, bench: Bench) -> None:
    other = make.OrderFactory(platform=own.platform, name="other")
    bench.presses("look", record=str(other.pk), document="")
    looked = AuditEntry.objects.of(own.platform).filter(action="get:integration:object")
    assert set(looked.values_list("entity_id", flat=True)) >= {own.order.pk, other.pk}


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


@pytest.mark.parametrize("asked", ["\0", "a\0b", "x" * 10_000])
def test_what_nothing_can_be_called_is_not_found(bench: Bench, asked: str) -> None:
    assert bench.presses("find", asked=asked).status_code == 200
    where = reverse("admin:integrations_integrationobject_where")
    assert bench.browser.client.get(where, {"q": asked}).status_code == 200


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


def test_of_many_marks_so_many_are_shown_as_are_read(bench: Bench) -> None:
    many = {f"n{number}": f"$.nothing.n{number}" for number in range(3000)} | {"n": 1}
    seen = bench.types(mapping=json.dumps(many, indent=1))
    assert seen.count("was left out") == 100
    assert "And 2900 more like these." in seen
    assert "Line 101: `n99` was left out" in seen
    wrong = {f"n{number}": {"$nothing": 1} for number in range(99)} | {"$x": 1, "y": 2}
    assert bench.types(mapping=json.dumps(wrong)).count("Line 1:") <= 101
