"""The paths of an integration: what no document has is told."""

import pytest

from integrations import entities
from integrations.api import shapes
from tests.api.conftest import GUIDE_BODY, webhook
from tests.api.test_integrations import no_address_is_allowed
from tests.conftest import Api

__all__ = ["no_address_is_allowed"]

pytestmark = pytest.mark.django_db


def test_a_path_that_no_document_has_is_kept_and_told(api: Api) -> None:
    mapping = {
        "ok": ["$.transportOrder.consignments[*].goods[0].weight.value", "$", "$$", "text"],
        "any": {"$path": "transportOrder.externalAttributes.erp.id", "$default": "$.before"},
        "customer": {"name": {"$path": "transportOrder.custmer.name", "$default": "-"}},
    }
    filters = [
        {"field": "before.transportOrder.status", "operator": "exists"},
        {"any": [{"not": {"field": "$.transportOrder.zzz", "operator": "exists"}}]},
    ]
    body = {**GUIDE_BODY, "filters": filters, "dataSources": [webhook(mapping=mapping)]}
    answer = api.ok("POST", "integration", {**body, "colour": "red"})
    told = {each["field"]: each for each in answer["warnings"]}
    mistyped = "dataSources[0].mapping.customer.name"
    assert list(told) == ["colour", "filters[1].any[0].not.field", mistyped]
    assert told[mistyped]["code"] == "unknown_path"
    assert told[mistyped]["message"] == (
        "`$.transportOrder.custmer.name` is no field that we know of in a change of a "
        "transportOrder. Did you mean `$.transportOrder.customer.name`?"
    )
    assert "Did you mean" not in told["filters[1].any[0].not.field"]["message"]
    made = answer["integration"]
    assert made["dataSources"][0]["mapping"] == mapping
    right = {"id": made["id"], "filters": [], "dataSources": [{"mapping": "$.transportOrder"}]}
    right["dataSources"][0] |= webhook()
    assert "warnings" not in api.ok("PUT", "integration", right)
    moved = {"id": made["id"], "trigger": {"entity": "business", "actions": ["created"]}}
    (warning,) = api.ok("PUT", "integration", moved)["warnings"]
    assert (warning["field"], "Did you mean" in warning["message"]) == (
        "dataSources[0].mapping",
        False,
    )


def test_a_text_that_reads_like_a_path_is_told(api: Api) -> None:
    mapping = {"status": "transportOrder.status", "source": "our.system", "note": "transportOrder"}
    source = {**webhook(), "mapping": mapping}
    answer = api.ok("POST", "integration", {**GUIDE_BODY, "dataSources": [source]})
    (warning,) = answer["warnings"]
    assert (warning["field"], warning["code"]) == (
        "dataSources[0].mapping.status",
        "text_like_path",
    )
    assert "`$.transportOrder.status`" in warning["message"]
    assert answer["integration"]["dataSources"][0]["mapping"] == mapping


def test_a_path_at_which_nothing_is_redacted_is_told(api: Api) -> None:
    mapping = {"contact": {"mail": "$.transportOrder.name"}, "to": {"$text": "x"}}
    sources = [webhook(mapping=mapping), webhook(mapping="$.transportOrder.customer"), webhook()]
    right = [
        *("$.customer.contactDetails[*].value", "$.transportOrder.name", "$.contact.mail", "$.to"),
        *("$.contactDetails[0].value", "$.externalAttributes.a.b", "$..anything", "$.x.*"),
    ]
    wrong = ["$.customer.contactDetail[*].value", "$.contact.mial", "$.zzz"]
    body = {**GUIDE_BODY, "dataSources": sources, "redact": [*right[:-1], *wrong]}
    told = api.ok("POST", "integration", body)["warnings"]
    assert [(each["field"], each["code"]) for each in told] == [
        (f"redact[{place}]", "unknown_path") for place in (7, 8, 9)
    ]
    assert "Did you mean `$.customer.contactDetails[*].value`?" in told[0]["message"]
    assert "Did you mean `$.contact.mail`?" in told[1]["message"]
    assert "Did you mean" not in told[2]["message"]


@pytest.mark.parametrize("key", ["reddact", "Redact", "redacted", "redactions"])
def test_a_misspelt_redact_is_refused(api: Api, key: str) -> None:
    answer = api("POST", "integration", {**GUIDE_BODY, key: ["$.name"]})
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == (key, "unknown_field")
    assert "Did you mean `redact`?" in error["message"]


@pytest.mark.parametrize("entity", entities.known())
def test_every_entity_says_which_fields_it_has(entity: str) -> None:
    assert {"id", "createdAt"} <= shapes.document(entity)[entity].keys()


@pytest.mark.timeout(30)
def test_many_mistyped_paths_are_told_in_time(api: Api) -> None:
    mapping = {f"key{n}": f"$.transportOrder.{'x' * 300}{n}" for n in range(3_000)}
    body = {**GUIDE_BODY, "dataSources": [webhook(mapping=mapping)]}
    assert len(api.ok("POST", "integration", body)["warnings"]) == 100
