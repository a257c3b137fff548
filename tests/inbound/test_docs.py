"""The page that shows how to import does what it says."""

import re
from pathlib import Path
from typing import Any

import pytest

from otms import documents
from otms.accounts.models import Platform
from otms.orders.models import TransportOrder
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "how-to" / "import-orders.md").read_text(encoding="utf-8")
REFERENCE = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")


def examples(text: str) -> list[Any]:
    return [documents.loads(each) for each in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]


def test_the_how_to_does_what_it_says(api: Api, platform: Platform) -> None:
    row, integration, rows = examples(PAGE)
    made = api.ok("POST", "integration", integration)
    assert "warnings" not in made
    rows["integrationId"] = made["integration"]["id"]
    dry = api.ok("POST", "integration/import/data", rows)
    assert [each["status"] for each in dry["results"]] == ["created", "rejected"]
    assert dry["results"][1]["errors"][0]["field"] == "data[1].consignments[0].goods[0].quantity"
    assert dry["results"][1]["errors"][0]["field"] in PAGE
    assert not TransportOrder.objects.of(platform).exists()
    del rows["dryRun"]
    api.ok("POST", "integration/import/data", rows)
    rows["data"][1]["lines"]["pallets"] = 4
    rows["data"].append({**row, "number": "SO-1003"})
    again = api.ok("POST", "integration/import/data", rows)
    assert [each["status"] for each in again["results"]] == ["unchanged", "created", "created"]
    order = TransportOrder.objects.of(platform).get(name="SO-1003")
    assert order.description == "ring twice"


def test_the_example_of_the_reference_is_answered_as_it_is_written(
    api: Api, platform: Platform
) -> None:
    section = REFERENCE.split("### Import\n")[1].split("\n## ")[0]
    asked, written = examples(section)
    asked["integrationId"] = str(make.integration(platform=platform).pk)
    answer = api.ok("POST", "integration/import/data", asked)
    assert answer["totals"] == written["totals"]
    for shown, expected in zip(answer["results"], written["results"], strict=True):
        assert shown.keys() == expected.keys()
        assert [shown[key] for key in ("index", "status", "externalId")] == [
            expected[key] for key in ("index", "status", "externalId")
        ]
        told = [(each["field"], each["code"]) for each in shown["errors"]]
        assert told == [(each["field"], each["code"]) for each in expected["errors"]]
    for key, value in written["task"].items():
        assert value == "..." or answer["task"][key] == value
