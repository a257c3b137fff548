"""The pages that show how things come in do what they say."""

import json
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
EMAIL_PAGE = (DOCS / "how-to" / "orders-from-e-mail.md").read_text(encoding="utf-8")
REFERENCE = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")


def examples(text: str) -> list[Any]:
    return [documents.loads(each) for each in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]


def as_received(example: Any) -> Any:
    """An example as a caller reads an answer."""
    return json.loads(documents.dumps(example))


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
    section = REFERENCE.split("### Import\n")[1].split("\n##")[0]
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


def test_the_page_about_mails_does_what_it_says(api: Api, platform: Platform) -> None:
    mail, weight, guide, table, unread, update, complete, filters = examples(EMAIL_PAGE)
    answer = api.ok("POST", "integration/email", mail)
    email, order = answer["email"], answer["transportOrder"]
    assert email["missing"] == []
    ((path, field),) = as_received(weight).items()
    assert email["fields"][path] == field
    assert email["text"][slice(*field["span"])] == "12.400 kg"
    assert "{} on and before {} there is `12.400 kg`".format(*field["span"]) in EMAIL_PAGE
    assert {"field": path, "code": "ambiguous"}.items() <= email["warnings"][-2].items()
    assert unread in api.ok("POST", "integration/email", table)["email"]["warnings"]
    short = api.ok("POST", "integration/email", guide)
    assert len(short["email"]["missing"]) == 3
    _completed(api, complete, short["transportOrder"])
    made = make.integration(platform=platform, trigger=make.ALL_ACTIONS, filters=filters)
    update["id"] = order["id"]
    changed = api.ok("PUT", "transportOrder", update)["transportOrder"]
    tested = api.ok(
        "POST",
        "integration/dataSource/mapping:test",
        {"mapping": {}, "filters": made.filters, "testData": {"transportOrder": changed}},
    )
    assert tested["matched"] is True


def _completed(api: Api, complete: Any, draft: Any) -> None:
    """The call that completes a draft keeps what it does not send."""
    (before,) = draft["consignments"]
    (sent,) = complete["consignments"]
    complete["id"], sent["id"] = draft["id"], before["id"]
    sent["goods"][0]["id"] = before["goods"][0]["id"]
    order = api.ok("PUT", "transportOrder", complete)["transportOrder"]
    (after,) = order["consignments"]
    assert (order["status"], order["description"]) == ("requested", draft["description"])
    for key in ("originalPhysicalSender", "externalAttributes"):
        assert after[key] == sent[key]
    (goods,) = after["goods"]
    kept = {"id", "quantity", "packagingMaterial", "description"}
    assert {key: goods[key] for key in kept} == {key: before["goods"][0][key] for key in kept}
    assert goods["weight"] == sent["goods"][0]["weight"]


def test_the_mail_of_the_reference_is_answered_as_it_is_written(api: Api) -> None:
    section = REFERENCE.split("### E-mail\n")[1].split("\n## ")[0]
    asked, written = examples(section)
    answer = api.ok("POST", "integration/email", asked)
    assert answer["email"].keys() == written["email"].keys()
    for key, value in as_received(written["email"]).items():
        assert value == "..." or answer["email"][key] == value, key
    for key, value in written["transportOrder"].items():
        assert value == "..." or answer["transportOrder"][key] == value, key
