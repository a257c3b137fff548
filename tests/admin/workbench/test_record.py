"""The record that lies on the workbench, and who may see it."""

import json
from types import SimpleNamespace

import pytest
from django.urls import reverse

from otms.accounts.models import AuditEntry
from tests import make
from tests.admin.conftest import Browser
from tests.admin.workbench.bench import Bench, page_of, read

pytestmark = pytest.mark.django_db


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


@pytest.mark.parametrize("asked", ["\0", "a\0b", "x" * 10_000])
def test_what_nothing_can_be_called_is_not_found(bench: Bench, asked: str) -> None:
    assert bench.presses("find", asked=asked).status_code == 200
    where = reverse("admin:integrations_integrationobject_where")
    assert bench.browser.client.get(where, {"q": asked}).status_code == 200
