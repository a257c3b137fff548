"""Bodies are read by fields that all calls have in common, and none sees what another sent."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, ClassVar

from rest_framework import serializers

from otms.api.serializers import WireSerializer
from otms.orders.serializers import TransportOrderSerializer


class Part(WireSerializer):
    lenient = True
    meanwhile: ClassVar[Callable[[], Any] | None] = None

    name = serializers.CharField()

    def validate(self, attrs: Any) -> Any:
        if then := Part.meanwhile:
            Part.meanwhile = None
            then()
        return attrs


class Whole(WireSerializer):
    lenient = True

    code = serializers.CharField()
    part = Part()


def test_the_fields_are_made_once_for_all_bodies() -> None:
    one, other = TransportOrderSerializer(data={}), TransportOrderSerializer(data={"name": "a"})
    assert one.fields is other.fields
    assert one.fields is not TransportOrderSerializer(data={}, partial=True).fields


def test_a_body_that_is_read_in_the_middle_of_another_changes_nothing_of_it() -> None:
    update = Whole(data={"part": {"name": "b", "odd": 1}}, partial=True)
    wrong = Whole(data={"code": "", "part": {}})

    def meanwhile() -> None:
        assert update.is_valid()
        assert not wrong.is_valid()

    Part.meanwhile = meanwhile
    new = Whole(data={"part": {"name": "a"}, "strange": 1})
    assert not new.is_valid()
    assert list(new.errors) == ["code"], "it may leave out what only an update may"
    assert [each["field"] for each in new.warnings()] == ["strange"]
    assert update.validated_data == {"part": {"name": "b"}}
    assert [each["field"] for each in update.warnings()] == ["part.odd"]
    assert list(wrong.errors) == ["code", "part"]


def test_bodies_that_are_read_at_once_come_out_as_each_was_sent() -> None:
    together = Barrier(4)

    def read(caller: int) -> list[Any]:
        found = []
        together.wait()
        for number in range(50):
            name = f"{caller}-{number}"
            goods = [{"description": name}] * caller
            body = {"name": name, name: 1, "consignments": [{"name": name, "goods": goods}]}
            reader = TransportOrderSerializer(data=body, partial=bool(caller % 2))
            assert reader.is_valid()
            [consignment] = reader.validated_data["consignments"]
            seen = {reader.validated_data["name"], consignment["name"]}
            seen |= {each["description"] for each in consignment["goods"]}
            seen |= {each["field"] for each in reader.warnings()}
            found.append((seen == {name}, len(consignment["goods"]) == caller))
        return found

    with ThreadPoolExecutor(4) as pool:
        found = [each for of_caller in pool.map(read, range(1, 5)) for each in of_caller]
    assert set(found) == {(True, True)}
