"""One row and what becomes of it."""

from typing import Any
from uuid import uuid4

import pytest

from integrations.models import EntityChange, ExternalId, ImportRow, Integration, Task
from otms.accounts.models import Platform
from otms.orders.models import Business, Goods, TransportOrder
from tests import make
from tests.conftest import Api
from tests.inbound.conftest import Bring

pytestmark = pytest.mark.django_db(transaction=True)

ROW = {
    "externalId": "SO-1",
    "name": "4711",
    "customer": {"name": "Acme Corp"},
    "consignments": [
        {
            "name": "first",
            "goods": [
                {"description": "pallets", "quantity": 4, "weight": {"value": 12.50, "unit": "kg"}},
                {"description": "boxes"},
            ],
        },
        {"name": "second"},
    ],
}


def statuses(answer: Any) -> list[str]:
    return [each["status"] for each in answer["results"]]


def fields(answer: Any) -> list[str]:
    return [error["field"] for result in answer["results"] for error in result["errors"]]


def changes(platform: Platform) -> Any:
    return EntityChange.objects.of(platform).filter(entity="transportOrder").order_by("id")


def test_the_row_of_the_guide_makes_an_order(bring: Bring, platform: Platform) -> None:
    answer = bring({"name": "Import Order #1", "customer": {"name": "Acme Corp"}})
    order = TransportOrder.objects.of(platform).get()
    (result,) = answer["results"]
    assert (result["index"], result["status"], result["id"]) == (0, "created", str(order.pk))
    assert (result["externalId"], result["errors"]) == (None, [])
    assert [each["code"] for each in result["warnings"]] == ["no_id"]
    assert answer["totals"] == {
        "total": 1, "created": 1, "updated": 0, "unchanged": 0, "rejected": 0, "waiting": 0,
    }  # fmt: skip
    assert (answer["task"]["status"], answer["task"]["kind"]) == ("DONE", "import")
    assert (order.name, order.customer and order.customer.name) == ("Import Order #1", "Acme Corp")


def test_the_same_row_again_is_unchanged_and_triggers_nothing(
    bring: Bring, platform: Platform
) -> None:
    first = bring(ROW)["results"][0]
    parts = set(Goods.objects.of(platform).values_list("pk", flat=True))
    again = bring(ROW)["results"][0]
    assert (first["status"], again["status"]) == ("created", "unchanged")
    assert first["id"] == again["id"]
    assert changes(platform).count() == 1
    assert set(Goods.objects.of(platform).values_list("pk", flat=True)) == parts


def test_another_row_under_the_same_external_id_changes_the_order(
    bring: Bring, platform: Platform
) -> None:
    bring(ROW)
    kept = Goods.objects.of(platform).get(description="pallets").pk
    goods = [{"description": "pallets", "quantity": 5}]
    assert statuses(bring({**ROW, "consignments": [{"name": "first", "goods": goods}]})) == [
        "updated"
    ]
    left = Goods.objects.of(platform).get()
    assert (left.pk, left.quantity, left.weight) == (kept, 5, None)
    assert changes(platform).last().action == "updated"


def test_what_is_left_out_of_the_row_stays(bring: Bring, platform: Platform) -> None:
    bring(ROW)
    assert statuses(bring({"externalId": "SO-1", "description": "fragile"})) == ["updated"]
    order = TransportOrder.objects.of(platform).get()
    assert (order.name, order.description, order.consignments.count()) == ("4711", "fragile", 2)


def test_parts_are_recognised_by_their_own_external_ids(bring: Bring, platform: Platform) -> None:
    def row(*names: str) -> Any:
        parts = [{"name": name, "externalAttributes": {"id": name}} for name in names]
        return {"externalId": "1", "consignments": parts}

    bring(row("a", "b"))
    order = TransportOrder.objects.of(platform).get()
    before = {each.name: each.pk for each in order.consignments.all()}
    assert statuses(bring(row("b", "c"))) == ["updated"]
    after = {each.name: each.pk for each in order.consignments.all()}
    assert after["b"] == before["b"]
    assert after["c"] not in before.values()
    assert statuses(bring(row("b", "c"))) == ["unchanged"]


def test_an_order_is_matched_by_its_id(bring: Bring, platform: Platform) -> None:
    order = make.OrderFactory(platform=platform, name="old")
    row = {"id": str(order.pk), "externalId": "X", "name": "new"}
    assert statuses(bring(row)) == ["updated"]
    assert statuses(bring({"externalId": "X", "name": "new"})) == ["unchanged"]
    order.refresh_from_db()
    assert order.name == "new"


def test_an_unknown_id_is_that_of_a_new_order(bring: Bring, platform: Platform) -> None:
    id = str(uuid4())
    assert bring({"id": id, "name": "A"}, {"id": id, "name": "A"})["totals"]["unchanged"] == 1
    assert str(TransportOrder.objects.of(platform).get().pk) == id


@pytest.mark.parametrize("id", ["SO-7", 7])
def test_the_id_in_the_external_attributes_counts_too(bring: Bring, id: Any) -> None:
    row = {"name": "A", "externalAttributes": {"id": id}}
    assert statuses(bring(row, row)) == ["created", "unchanged"]
    assert statuses(bring({"externalId": str(id), "name": "A"})) == ["unchanged"]


def test_an_external_id_is_the_integrations_own(bring: Bring, api: Api, platform: Platform) -> None:
    other = make.integration(platform=platform)
    bring({"externalId": "1", "name": "A"})
    body = {"integrationId": str(other.pk), "data": [{"externalId": "1", "name": "B"}]}
    assert statuses(api.ok("POST", "integration/import/data", body)) == ["created"]
    assert TransportOrder.objects.of(platform).count() == 2


def test_the_external_id_of_a_deleted_order_is_free_again(bring: Bring, platform: Platform) -> None:
    first = bring(ROW)["results"][0]["id"]
    TransportOrder.objects.of(platform).get().delete()
    again = bring(ROW)["results"][0]
    assert again["status"] == "created"
    assert again["id"] != first
    assert statuses(bring(ROW)) == ["unchanged"]


def test_two_ids_that_contradict_each_other_are_rejected(bring: Bring, platform: Platform) -> None:
    order = make.OrderFactory(platform=platform)
    bring({"externalId": "1", "name": "A"})
    answer = bring({"externalId": "1", "id": str(order.pk), "name": "B"})
    assert (statuses(answer), fields(answer)) == (["rejected"], ["data[0].externalId"])


def test_a_row_without_ids_always_creates(bring: Bring, platform: Platform) -> None:
    row = {"name": "A"}
    answer = bring(row, row)
    assert statuses(answer) == ["created", "created"]
    assert "makes another order" in answer["results"][1]["warnings"][0]["message"]


def bad_rows(platform: Platform) -> list[tuple[Any, str, str]]:
    """Ten ways to be wrong: the row, the field that is named, the code."""
    theirs = make.OrderFactory().pk
    goods = {"goods": [{"quantity": "many"}]}
    return [
        ("4711", "", "not_an_object"),
        ({"status": "lost"}, ".status", "invalid_choice"),
        ({"name": "x" * 256}, ".name", "max_length"),
        ({"customer": {}}, ".customer", "required"),
        ({"customer": {"id": str(uuid4())}}, ".customer.id", "not_found"),
        ({"customer": {"name": 5.5, "coc": []}}, ".customer.coc", "invalid"),
        ({"consignments": [{}, goods]}, ".consignments[1].goods[0].quantity", "invalid"),
        ({"id": "4711"}, ".id", "invalid"),
        ({"id": str(theirs)}, "", "empty"),
        ({"id": str(theirs), "name": "A"}, ".id", "taken"),
        ({"externalId": {"a": 1}, "name": "A"}, ".externalId", "invalid"),
        ({"consignments": {"goods": []}}, ".consignments", "not_a_list"),
        ({"colour": "red"}, "", "empty"),
        (None, "", "not_an_object"),
    ]


def test_a_bad_row_is_rejected_alone_with_its_field(bring: Bring, platform: Platform) -> None:
    bad = bad_rows(platform)
    rows = [each for row, _, _ in bad for each in (row, {"name": "good"})]
    answer = bring(*rows)
    assert answer["totals"]["rejected"] == len(bad)
    assert TransportOrder.objects.of(platform).count() == len(bad)
    for place, (row, field, code) in enumerate(bad):
        result = answer["results"][2 * place]
        assert result["status"] == "rejected", row
        errors = {(each["field"], each["code"]) for each in result["errors"]}
        assert (f"data[{2 * place}]{field}", code) in errors, (row, errors)
        assert all(each["message"] for each in result["errors"])
    assert answer["task"]["failed"] == len(bad)


def test_nothing_of_a_rejected_row_stays(bring: Bring, platform: Platform) -> None:
    order = make.OrderFactory()
    row = {"externalId": "1", "id": str(order.pk), "name": "A", "customer": {"name": "New"}}
    assert bring(row)["results"][0]["externalId"] == "1"
    assert not Business.objects.of(platform).exists()
    assert not ExternalId.objects.of(platform).exists()
    assert not EntityChange.objects.of(platform).exists()


def test_unknown_fields_of_a_row_are_warnings(bring: Bring) -> None:
    answer = bring(
        {"name": "A"}, {"externalId": "1", "name": "B", "customer": {"nme": 1, "name": "C"}}
    )
    (warning,) = answer["results"][1]["warnings"]
    assert (warning["field"], warning["code"]) == ("data[1].customer.nme", "unknown_field")
    assert statuses(answer) == ["created", "created"]


class TestInbound:
    MAPPING = {
        "externalId": "$.no",
        "name": {"$path": "$.title", "$default": "unnamed"},
        "customer": {"name": "$.debtor.name"},
        "consignments": [{"goods": [{"quantity": "$.pallets"}]}],
    }

    def test_a_row_is_mapped_first(
        self, bring: Bring, api: Api, integration: Integration, platform: Platform
    ) -> None:
        given = {"id": str(integration.pk), "inbound": self.MAPPING}
        assert api.ok("PUT", "integration", given)["integration"]["inbound"] == self.MAPPING
        row = {"no": 17, "debtor": {"name": "Acme"}, "pallets": 3, "more": 1}
        assert statuses(bring(row)) == ["created"]
        assert statuses(bring(row)) == ["unchanged"]
        order = TransportOrder.objects.of(platform).get()
        assert (order.name, order.customer and order.customer.name) == ("unnamed", "Acme")
        assert ExternalId.objects.of(platform).get().external_id == "17"

    def test_what_the_row_lacks_is_a_warning_and_what_is_wrong_names_the_target(
        self, bring: Bring, integration: Integration
    ) -> None:
        integration.inbound = self.MAPPING
        integration.save()
        answer = bring({"no": 1, "pallets": "x"}, {"no": 2, "debtor": {"name": "A"}})
        assert "data[0].consignments[0].goods[0].quantity" in fields(answer)
        (warning,) = answer["results"][1]["warnings"]
        assert warning["code"] == "left_out"
        assert warning["field"] == "data[1].consignments[0].goods[0].quantity"

    def test_a_mapping_that_can_not_be_carried_out_rejects_the_row(
        self, bring: Bring, integration: Integration
    ) -> None:
        integration.inbound = "$.order"
        integration.save()
        answer = bring({"order": {"name": "A"}}, {"odrer": {}})
        assert statuses(answer) == ["created", "rejected"]
        assert answer["results"][1]["errors"][0]["code"] == "mapping_error"

    @pytest.mark.parametrize(
        ("inbound", "field"),
        [({"name": "$.["}, "inbound.name"), ([1], "inbound"), ({"a": {"$x": 1}}, "inbound.a")],
    )
    def test_it_is_checked_when_it_is_saved(
        self, api: Api, integration: Integration, inbound: Any, field: str
    ) -> None:
        given = {"id": str(integration.pk), "inbound": inbound}
        found = api.refused("PUT", "integration", given)
        assert found["errors"][0]["field"] == field


def test_a_dry_run_answers_the_same_and_stores_nothing(bring: Bring, platform: Platform) -> None:
    bring({"externalId": "0", "name": "A"})
    before = changes(platform).count(), Task.objects.of(platform).count()
    rows = [{"externalId": "0", "name": "B"}, ROW, ROW, {"status": "lost"}, {"name": "C"}]
    dry = bring(*rows, dryRun=True)
    assert dry["task"] is None
    assert statuses(dry) == ["updated", "created", "unchanged", "rejected", "created"]
    assert (changes(platform).count(), Task.objects.of(platform).count()) == before
    assert TransportOrder.objects.of(platform).count() == 1
    assert not Business.objects.of(platform).exists()
    assert ImportRow.objects.of(platform).count() == 1
    real = bring(*rows)
    assert real["totals"] == dry["totals"]
    assert [each["errors"] for each in real["results"]] == [
        each["errors"] for each in dry["results"]
    ]


def test_a_broken_mapping_rejects_its_rows(
    bring: Bring, integration: Integration, platform: Platform
) -> None:
    """As of an older version: they are not taken for orders of ours instead."""
    Integration.objects.of(platform).filter(pk=integration.pk).update(inbound={"name": "$.["})
    (result,) = bring(ROW)["results"]
    assert (result["status"], result["errors"][0]["code"]) == ("rejected", "broken_mapping")
    assert not TransportOrder.objects.of(platform).exists()


def test_a_rejected_row_tells_what_the_mapping_left_out(
    bring: Bring, integration: Integration
) -> None:
    integration.inbound = {"name": "$.Number", "status": "$.state"}
    integration.save()
    (result,) = bring({"number": "4711", "state": "lost"})["results"]
    assert result["status"] == "rejected"
    assert [(each["field"], each["code"]) for each in result["warnings"]] == [
        ("data[0].name", "left_out")
    ]


@pytest.mark.parametrize("row", ["4711", 4711, None, True])
def test_a_single_value_is_no_row_whatever_the_mapping(
    bring: Bring, integration: Integration, row: object
) -> None:
    integration.inbound = {"name": "A constant"}
    integration.save()
    (result,) = bring(row)["results"]
    assert [each["code"] for each in result["errors"]] == ["not_an_object"]
