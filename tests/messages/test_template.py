"""What a template says, with places that can be filled."""

from typing import Any

import pytest

from tests.conftest import Api
from tests.messages.conftest import TEMPLATE
from tests.messages.writing import create, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail")]


def test_a_template_is_made_read_changed_and_deleted(api: Api, template: Any) -> None:
    assert {key: template[key] for key in TEMPLATE} == TEMPLATE
    path = f"messageTemplate/{template['id']}"
    assert api.ok("GET", path)["messageTemplate"] == template
    same = api.ok("PUT", "messageTemplate", template)
    assert "warnings" not in same
    assert same["messageTemplate"] == template
    listed = api.ok("GET", "messageTemplates/0/20")
    assert [each["id"] for each in listed["messageTemplates"]] == [template["id"]]
    assert api.ok("POST", "messageTemplates/0/20", {"name": "Delivered"})["totalResults"] == 1
    assert api.ok("POST", "messageTemplates/0/20", {"name": "Other"})["totalResults"] == 0
    assert api.ok("DELETE", path)["messageTemplate"]["id"] == template["id"]
    api.refused("GET", path, code=404)


@pytest.mark.parametrize(
    ("texts", "problems"),
    [
        ({"subject": "Order {{transportOrder.name"}, {"subject": "open_place"}),
        ({"body": "{{transport order}}"}, {"body": "invalid_path"}),
        ({"body": "{{ }}"}, {"body": "invalid_path"}),
        ({"subject": ""}, {"subject": "blank"}),
    ],
)
def test_a_place_that_cannot_be_filled_is_refused(
    api: Api, template: Any, texts: dict[str, str], problems: dict[str, str]
) -> None:
    assert told(api, "messageTemplate", {**TEMPLATE, **texts}) == problems
    assert told(api, "messageTemplate", {"id": template["id"], **texts}, "PUT") == problems
    stored = api.ok("GET", f"messageTemplate/{template['id']}")["messageTemplate"]
    assert stored == template


def test_a_misspelt_place_is_told(api: Api) -> None:
    texts = {"subject": "{{transportOrder.nmae}}", "body": "{{transportOrdr.name}}"}
    made = api.ok("POST", "messageTemplate", {**TEMPLATE, **texts})
    found = {each["field"]: each for each in made["warnings"]}
    assert {each["code"] for each in found.values()} == {"unknown_path"}
    assert "Did you mean `$.transportOrder.name`?" in found["subject"]["message"]
    assert "Did you mean `$.transportOrder.name`?" in found["body"]["message"]


def test_a_template_that_is_sent_is_not_deleted(api: Api, automation: Any) -> None:
    made = create(api, automation)
    path = f"messageTemplate/{automation['messageTemplate']['id']}"
    assert "sent by Order realized:" in api.refused("DELETE", path, code=409)["message"]
    api.ok("DELETE", f"messageAutomation/{made['id']}")
    api.ok("DELETE", path)
