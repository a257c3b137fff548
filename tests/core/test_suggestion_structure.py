"""The structure of a target stays: lists become loops, and a table a row for each of something."""

import time

import pytest

import otms.urls  # noqa: F401  the entities are known by their routes
from integrations.core import mapping
from tests.core.suggesting import DOCUMENT, GOODS, ONE, ORDER, suggested


def test_the_structure_of_the_target_stays_and_holds_what_is_confident() -> None:
    made = suggested(
        {
            "order": {"no": "4711", "created": "20.03.2026", "price": 3, "nothing": {"here": 1}},
            "totals": {"gross_weight": 12.5},
            "refs": ["4711"],
            "lines": [
                {"pos": 1, "desc": "chairs", "qty": 2},
                {"pos": 2, "desc": "tables", "qty": 3, "weight": {"gross": 3}},
            ],
        }
    )
    assert made.mapping == {
        "order": {
            "no": ORDER + "orderId",
            "created": {"$path": ORDER + "createdAt", "$date": "%d.%m.%Y"},
        },
        "totals": {"gross_weight": {"$sum": GOODS + ".grossWeight.value", "$type": "decimal"}},
        "refs": [ORDER + "referenceDescription"],
        "lines": {
            "$each": GOODS,
            "$do": {
                "desc": "@.description",
                "qty": {"$path": "@.quantity", "$type": "decimal"},
                "weight": {"gross": {"$path": "@.grossWeight.value", "$type": "decimal"}},
            },
        },
    }
    result = mapping.compile(made.mapping).apply(DOCUMENT).value
    assert result["order"] == {"no": "4711", "created": "20.03.2026"}
    assert result["totals"] == {"gross_weight": 30}
    assert [each["desc"] for each in result["lines"]] == ["chairs", "tables"]


def test_a_list_in_a_list_goes_over_what_the_item_has() -> None:
    lines = [{"description": "chairs", "qty": 2}]
    shipments = [{"shipment_no": "1", "consignee": {"city": "Ulm"}, "lines": lines}]
    (made,) = suggested({"shipments": shipments}).mapping.values()
    assert made["$each"] == "$.transportOrder.consignments[*]"
    assert made["$do"]["consignee"] == {"city": "@.originalPhysicalAddressee.city"}
    assert made["$do"]["lines"]["$each"] == "@.goods[*]"
    assert made["$do"]["lines"]["$do"]["description"] == "@.description"


def test_an_item_is_not_filled_from_what_it_is_in() -> None:
    lines = [{"description": "chairs", "qty": 2, "consignee_city": "Ulm", "order_no": "4711"}]
    made = suggested({"lines": lines}).mapping["lines"]
    assert set(made["$do"]) == {"description", "qty", "order_no"}


def test_a_list_in_an_item_goes_over_nothing_that_is_around_it() -> None:
    stops = [{"consignee_city": "Ulm", "consignee_zip": "89073"}]
    lines = [{"description": "chairs", "qty": 2, "stops": stops}]
    made = suggested({"lines": lines}).mapping["lines"]
    assert made["$each"] == GOODS
    assert set(made["$do"]) == {"description", "qty"}


def test_a_list_of_orders_is_no_loop_over_their_goods() -> None:
    orders = [{"order_no": "4711", "lines": [{"description": "chairs", "qty": 2, "ean": "87"}]}]
    (made,) = suggested(orders).mapping
    assert made["order_no"] == ORDER + "orderId"
    assert made["lines"]["$each"] == GOODS


@pytest.mark.parametrize(("pickup", "delivery"), [("PICKUP", "DELIVERY"), ("CZ", "CN")])
def test_items_that_say_whom_they_are_about_stay_apart(pickup: str, delivery: str) -> None:
    stops = [{"type": pickup, "city": "Ulm"}, {"type": delivery, "city": "Ulm"}]
    assert suggested({"stops": [*stops, {"type": "other", "city": "Ulm"}]}).mapping == {
        "stops": [
            {"type": pickup, "city": ONE + "originalPhysicalSender.city"},
            {"type": delivery, "city": ONE + "originalPhysicalAddressee.city"},
        ]
    }


@pytest.mark.parametrize("between", [";", ",", "\t", "|"])
def test_a_table_is_a_row_for_each_of_what_its_columns_are_about(between: str) -> None:
    header = between.join(["order_no", "description", "qty"])
    made = suggested(f"{header}\n4711{between}chairs{between}2\n").mapping
    # Two columns are about goods, but a description alone may be that of the order.
    assert made["order_no"] == ORDER + "orderId"
    made = suggested(between.join(["order_no", "item_desc", "qty"])).mapping
    assert made["$each"] == GOODS
    assert made["$do"] == {
        "order_no": ORDER + "orderId",
        "item_desc": "@.description",
        "qty": "@.quantity",
    }


def test_a_table_of_consignments_adds_up_their_goods() -> None:
    made = suggested("order_no;consignee_city;consignee_zip;gross_weight\n").mapping
    assert made["$each"] == "$.transportOrder.consignments[*]"
    assert made["$do"]["gross_weight"] == {"$sum": "@.goods[*].grossWeight.value"}
    result = mapping.compile(made).apply(DOCUMENT).value
    assert result == [{"order_no": "4711", "consignee_city": "Ulm", "gross_weight": 30}]


def test_xml_has_attributes_and_repeated_elements() -> None:
    text = (
        '<?xml version="1.0" encoding="ISO-8859-1"?><Order no="4711"><Remark lang="de">Vorsicht'
        "</Remark><Items><Item><Qty>1</Qty></Item><Item><Qty>2</Qty></Item></Items></Order>"
    )
    assert suggested(text).mapping == {
        "Order": {
            "@no": ORDER + "orderId",
            "Remark": {"#text": ORDER + "description"},
            "Items": {"Item": {"$each": GOODS, "$do": {"Qty": "@.quantity"}}},
        }
    }


def test_a_name_that_begins_like_an_operator_is_no_target() -> None:
    made = suggested({"$order_no": "4711", "order_no": "4711", "x": {"$each": {"order_no": "1"}}})
    assert made.mapping == {"order_no": ORDER + "orderId"}
    found = {each.target: each for each in made.suggestions}
    assert found["$order_no"].path is None
    assert "operator" in found["$order_no"].reason


def test_a_constant_that_begins_like_a_path_stays_a_text() -> None:
    stops = [{"type": "@pickup", "city": "Ulm"}, {"type": "$delivery", "city": "Ulm"}]
    made = suggested({"stops": stops}).mapping
    assert [each["type"] for each in made["stops"]] == ["@@pickup", "$$delivery"]
    assert mapping.check(made) == []


def test_what_is_in_lists_counts_once() -> None:
    lines = [{"description": str(each), "qty": each} for each in range(1000)]
    assert len(suggested({"lines": lines}).suggestions) == 2


def test_time_grows_with_the_targets() -> None:
    def seconds(targets: int) -> float:
        # Names that no table knows as a whole, and that are all looked at whole.
        example = {"a" * 30 + f"order{each}" + "nummer" * 20: "x" * 500 for each in range(targets)}
        begun = time.perf_counter()
        suggested(example)
        return time.perf_counter() - begun

    seconds(10)
    few, many = min(seconds(50) for _ in range(3)), min(seconds(500) for _ in range(3))
    assert many < max(few, 0.005) * 10 * 4
    assert many < 10
