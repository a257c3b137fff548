"""Who saves a record through the API is shown what was committed, and that is read once."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from integrations.models import EntityChange
from otms.accounts.models import Platform
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)

SAVED = [
    ("transportOrder", {"name": "a", "consignments": [{"goods": [{"description": "pallets"}]}]}),
    ("business", {"name": "a"}),
    ("event", {"name": "a", "type": "GeneralEvent", "dateTime": "2026-03-20T10:00:00Z"}),
]


def reads(queries: Any, table: str) -> int:
    return sum(
        each["sql"].startswith("SELECT") and f'"orders_{table}"."created_at"' in each["sql"]
        for each in queries
    )


@pytest.mark.parametrize(("noun", "body"), SAVED)
def test_what_is_saved_is_read_once_and_shown_as_it_is(
    api: Api, noun: str, body: dict[str, Any]
) -> None:
    with CaptureQueriesContext(connection) as queries:
        made = api.ok("POST", noun, body)[noun]
    assert reads(queries, noun.lower()) == 1
    if noun != "event":  # which are only saved
        assert made == api.ok("GET", f"{noun}/{made['id']}")[noun]


@pytest.mark.parametrize(("noun", "body"), SAVED[:2])
def test_what_is_changed_is_shown_as_it_is_then(api: Api, noun: str, body: dict[str, Any]) -> None:
    id = api.ok("POST", noun, body)[noun]["id"]
    changed = api.ok("PUT", noun, {"id": id, "name": "b"})[noun]
    assert changed["name"] == "b"
    assert changed == api.ok("GET", f"{noun}/{id}")[noun]
    assert api.ok("PUT", noun, {"id": id, "name": "b"})[noun] == changed, "nothing new"


def test_within_a_larger_transaction_it_is_shown_too(api: Api) -> None:
    with transaction.atomic():
        made = api.ok("POST", "transportOrder", {"name": "a"})["transportOrder"]
        changed = api.ok("PUT", "transportOrder", {"id": made["id"], "name": "b"})
        assert changed["transportOrder"]["name"] == "b"
    assert api.ok("GET", f"transportOrder/{made['id']}")["transportOrder"]["name"] == "b"


def test_what_only_the_answer_says_is_not_in_what_is_sent(api: Api, platform: Platform) -> None:
    make.integration("http://127.0.0.1/", platform=platform)
    made = api.ok("POST", "transportOrder", {"name": "a", "nonce": "n-1"})["transportOrder"]
    assert made["nonce"] == "n-1"
    assert "nonce" not in EntityChange.objects.of(platform).get().after
