"""What is written on the workbench, and what is seen of it while somebody types."""

import json
import re
from types import SimpleNamespace

import pytest

from otms.accounts.models import AuditEntry
from tests import make
from tests.admin.workbench.bench import MAPPING, Bench, read

pytestmark = pytest.mark.django_db


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
            "Line 3: This is not JSON: a colon is missing before this (line 3, column 4).",
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
        (
            '{"a": {"$if": {"field": "$.transportOrder.name", "operator": "exists"},\n'
            ' "$then": 1,\n "$else":\n  {"$pat": "$.x"}}}',
            "Line 4: `a`: No operator `$pat`",
        ),
        (
            '{"a": {"$if": {"field": "$.transportOrder.name", "operator": "missing"},\n'
            ' "$then": 1,\n "$else": "$.transportOrder.nam"}}',
            "Line 3: `a` was left out: `$.transportOrder.nam`",
        ),
        (
            '{"a": {"$if": {"field": "$.transportOrder.name",\n  "operator": "equals"},\n'
            ' "$then": 1}}',
            "Line 2: `a`: `$if`: operator: No operator",
        ),
        (
            '{"a": {"$path": "$.transportOrder.name",\n "$max": 0}}',
            "Line 2: `a`: ",
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


def test_a_key_that_stands_twice_is_shown_where_it_does_so(bench: Bench) -> None:
    assert 'Line 3: The key "a" stands twice' in bench.types(mapping='{"a": 1,\n"b": 2,\n"a" : 3}')


def test_a_loop_without_an_item_says_that_it_was_not_looked_at(
    own: SimpleNamespace, bench: Bench
) -> None:
    document = json.dumps({"transportOrder": {"consignments": []}})
    lines = '{"lines":\n {"$each": "%s", "$do": {"no": "@.nmae"}}}'
    path = "$.transportOrder.consignments"
    for written in (path, f"{path}[*]"):
        seen = bench.types(mapping=lines % written, document=document)
        assert f"Line 2: `lines` is empty: `{path}` has no item in this document" in seen
        assert "Did you mean" not in seen
    both = f'{{"l": {{"$first": [{{"$each": "{path}", "$do": "@.n"}}, "$.x"]}}}}'
    assert "`l` is empty" in bench.types(mapping=both, document=document)
    never = (
        '{"l": {"$if": {"field": "$.transportOrder", "operator": "exists"}, "$then": 1,'
        f' "$else": {{"$each": "{path}", "$do": "@.n"}}}}}}'
    )
    assert "is empty" not in bench.types(mapping=never, document=document)
    one = json.dumps({"transportOrder": {"consignments": [{"name": "A"}]}})
    seen = bench.types(mapping=lines % path, document=one)
    assert "is empty" not in seen
    assert "Did you mean `@.name`?" in seen


def test_it_says_when_filters_keep_it_back(bench: Bench) -> None:
    asked = {"field": "transportOrder.name", "operator": "eq", "value": "own-order"}
    assert "if the filters" not in bench.types(filters=json.dumps([asked]))
    asked["value"] = "other"
    seen = bench.types(filters=json.dumps([asked]))
    assert "What would be sent if the filters let it through" in seen
    asked["field"] = "transportOrder.nam"
    html = bench.seen(filters=json.dumps([asked]))
    assert "Did you mean `$.transportOrder.name`? Use it" in read(html)
    assert 'data-written="transportOrder.nam"' in html


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


def test_that_nothing_would_be_in_it_is_said(bench: Bench) -> None:
    assert "an empty document would be sent" in bench.types(mapping="{}")
    assert "an empty document would be sent" not in bench.types(mapping='{"n": 1}')


def test_of_many_marks_so_many_are_shown_as_are_read(bench: Bench) -> None:
    many = {f"n{number}": f"$.nothing.n{number}" for number in range(3000)} | {"n": 1}
    seen = bench.types(mapping=json.dumps(many, indent=1))
    assert seen.count("was left out") == 100
    assert "And 2900 more like these." in seen
    assert "Line 101: `n99` was left out" in seen
    wrong = {f"n{number}": {"$nothing": 1} for number in range(99)} | {"$x": 1, "y": 2}
    assert bench.types(mapping=json.dumps(wrong)).count("Line 1:") <= 101


def test_it_asks_the_database_as_often_for_any_number_of_records(
    own: SimpleNamespace, bench: Bench
) -> None:
    bench.browser.looks(bench.address)
    before = bench.browser.looks(bench.address)
    for number in range(12):
        make.OrderFactory(platform=own.platform, name=f"more {number}")
    assert bench.browser.looks(bench.address) <= before
    assert before <= 20
