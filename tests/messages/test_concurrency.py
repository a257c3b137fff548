"""A template is changed while an automation is made of it, on PostgreSQL."""

from typing import Any

import pytest
from django.db import connection

from integrations.models import DataSource
from otms.accounts.models import Platform
from tests.conftest import Api
from tests.orders.test_concurrency import at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("mail"),
]


@pytest.fixture(autouse=True)
def postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")


def test_no_automation_keeps_an_old_text(
    api: Api, automation: dict[str, Any], platform: Platform
) -> None:
    id = automation["messageTemplate"]["id"]
    for number in range(8):
        calls = [
            ("POST", "messageAutomation", {**automation, "name": f"Number {number}"}),
            ("PUT", "messageTemplate", {"id": id, "subject": f"Subject {number}"}),
        ]
        answers = at_once(2, lambda calls=calls: api(*calls.pop()).status_code)
        assert answers == [200, 200]
        subjects = {
            source.mapping["subject"]["$text"] for source in DataSource.objects.of(platform)
        }
        assert subjects == {f"Subject {number}"}


def test_whoever_is_later_finds_what_is_there(api: Api, automation: dict[str, Any]) -> None:
    made = api.ok("POST", "messageAutomation", automation)["messageAutomation"]
    for _ in range(4):
        body = {"id": made["id"], "updatedAt": made["updatedAt"], "enabled": not made["enabled"]}
        calls = [("messageAutomation", body), ("integration", body), ("messageAutomation", body)]
        answers = at_once(3, lambda calls=calls: api("PUT", *calls.pop()).status_code)
        assert sorted(answers) == [200, 409, 409]
        made = api.ok("GET", f"messageAutomation/{made['id']}")["messageAutomation"]
