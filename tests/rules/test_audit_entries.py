"""What an entry of the audit trail holds, and what it must not."""

from datetime import UTC, datetime
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

from integrations.models import Credential, DataSource, IntegrationObject
from otms.accounts.audit import AuditEntry
from otms.accounts.models import PersonalToken
from otms.orders.models import TransportOrder
from tests import make
from tests.admin.conftest import Browser, staff
from tests.conftest import Api
from tests.rules.test_audit import entries, last, own
from tests.rules.test_audit_admin import MOMENT, page

__all__ = ["own"]

pytestmark = pytest.mark.django_db


def test_an_update_says_what_was_and_what_is_and_hides_secrets(own: SimpleNamespace) -> None:
    source = own.source
    settings = {"url": source.settings["url"], "secret": "a-new-and-secret-word"}
    given = {"id": str(source.pk), "connector": "webhook", "settings": settings, "name": "ERP"}
    body = {"id": str(own.integration.pk), "name": "Another", "dataSources": [given]}
    before = last(own)
    Api(make.token(own.user)).ok("PUT", "integration", body)
    (entry,) = entries(own, before)
    assert entry.changes == {
        "name": {"before": "own-integration", "after": "Another"},
        "dataSources[ERP].name": {"before": "webhook", "after": "ERP"},
        "dataSources[ERP].settings.secret": {"before": "***", "after": "changed"},
    }
    assert "a-new-and-secret-word" not in str(vars(entry))


def test_a_changed_target_is_not_hidden_by_a_long_mapping(own: SimpleNamespace) -> None:
    mapping = {f"f{number}": "x" for number in range(300)}
    settings = {"url": "http://127.0.0.1/new", "secret": "a-new-and-secret-word"}
    given = {"id": str(own.source.pk), "settings": settings, "mapping": mapping}
    before = last(own)
    body = {"id": str(own.integration.pk), "dataSources": [given]}
    Api(make.token(own.user)).ok("PUT", "integration", body)
    (entry,) = entries(own, before)
    assert next(iter(entry.changes)) == "dataSources[webhook].settings.url"
    assert "dataSources[webhook].mapping..." in entry.changes


def test_another_order_of_data_sources_is_a_change(own: SimpleNamespace) -> None:
    fields = {"connector": own.source.connector, "settings": own.source.settings}
    first, second = (
        DataSource.objects.create(
            platform=own.platform, integration=own.integration, name="ERP", position=1, **fields
        ),
        own.source,
    )
    before = last(own)
    sources = [{"id": str(each.pk)} for each in (first, second)]
    body = {"id": str(own.integration.pk), "dataSources": sources}
    Api(make.token(own.user)).ok("PUT", "integration", body)
    (entry,) = entries(own, before)
    assert entry.changes == {
        "dataSources[ERP].position": {"before": 1, "after": 0},
        "dataSources[webhook].position": {"before": 0, "after": 1},
    }


def test_a_role_that_is_given_and_taken_is_said(own: SimpleNamespace) -> None:
    person, group = staff(own.platform, role=""), Group.objects.get(name="support")
    before = last(own)
    person.set_role("support")
    group.user_set.remove(person)
    found = AuditEntry.objects.of(own.platform).filter(pk__gt=before).order_by("id")
    assert [each.changes for each in found] == [
        {"roles": {"before": [], "after": ["support"]}},
        {"roles": {"before": ["support"], "after": []}},
    ]


def test_a_person_and_their_role_are_changed_in_one_entry(own: SimpleNamespace) -> None:
    person, before = staff(own.platform, role="support"), last(own)
    own.person = person
    given = {"first_name": "Ann", "role": "read-only"}
    Browser(own.user).saved(page(own, "user", "person"), **given)
    (entry,) = AuditEntry.objects.of(own.platform).filter(pk__gt=before)
    assert entry.action == "update:user"
    assert entry.changes["firstName"]["after"] == "Ann"
    assert entry.changes["roles"] == {"before": ["support"], "after": ["read-only"]}


def test_who_is_invited_is_made_with_the_role_in_one_entry(
    own: SimpleNamespace, settings: Any
) -> None:
    settings.OTMS_PUBLIC_URL = "https://otms.example"
    before = last(own)
    given = {"platform": own.platform.name, "role": "support", "show": True}
    call_command("invite", "bob@example.com", **given, stdout=StringIO())
    found = AuditEntry.objects.of(own.platform).filter(pk__gt=before).order_by("id")
    assert [each.action for each in found] == ["create:user", "create:user:passwordLink"]
    assert found[0].changes["roles"] == {"before": [], "after": ["support"]}


def test_a_credential_says_when_it_ends_and_what_it_ends(own: SimpleNamespace) -> None:
    def made(**fields: Any) -> AuditEntry:
        Credential.generate(own.integration, name="N", **fields)
        found = AuditEntry.objects.of(own.platform).about(own.integration).first()
        assert found
        return found

    ends = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    first, second = made(expires_at=ends), made()
    assert first.note == ""
    assert first.changes["expiresAt"] == {"before": None, "after": "2030-01-02T03:04:05Z"}
    assert second.note.startswith("Older ones are good until")
    assert "expiresAt" not in second.changes


def test_nothing_changed_is_no_entry(own: SimpleNamespace) -> None:
    before = last(own)
    body = {"id": str(own.integration.pk), "name": own.integration.name}
    Api(make.token(own.user)).ok("PUT", "integration", body)
    assert entries(own, before) == []


def test_a_token_and_its_text_are_not_confused(own: SimpleNamespace) -> None:
    _, text = PersonalToken.generate(own.user, "laptop")
    Api(text).ok("PUT", "integration", {"id": str(own.integration.pk), "name": "N"})
    assert text not in str([vars(each) for each in AuditEntry.objects.of(own.platform)])


NAME = "Ann Smith's sofa"


def test_what_people_wrote_in_a_record_is_not_in_the_trail(own: SimpleNamespace) -> None:
    before, browser = last(own), Browser(own.user)
    browser.saved(page(own, "transportorder", "order"), name=NAME, consignments__0__name=NAME)
    browser.saved(page(own, "transportorder", "order"), consignments__0__name="Another")
    browser.saved(page(own, "business", "business"), name=NAME)
    browser.saved(page(own, "event", "event"), name=NAME, **MOMENT)
    found = entries(own, before)
    assert [each.entity_name for each in found] == [str(each.entity_id)[:8] for each in found]
    assert {str(each.changes) for each in found} == {"{}"}
    assert {each.note for each in found} >= {"Changed Name.", "Changed Name for consignment."}
    assert not [each for each in found if "Ann" in f"{each.note}{each.entity_name}"]
    assert TransportOrder.objects.of(own.platform).get().name == NAME


def test_the_queue_is_in_the_trail_without_the_names_of_its_records(own: SimpleNamespace) -> None:
    IntegrationObject.objects.of(own.platform).update(reference=NAME)
    own.row.refresh_from_db()
    before, api = last(own), Api(make.token(own.user))
    api.ok("GET", f"integration/object/{own.row.uuid}")
    api.ok("POST", f"integration/object/{own.row.uuid}/requeue")
    expected = f"transportOrder {str(own.row.entity_id)[:8]}"
    assert {each.entity_name for each in entries(own, before)} == {expected}
