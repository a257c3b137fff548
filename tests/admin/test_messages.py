"""Staff write messages, say when they are sent, and see what was."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from integrations.models import Integration, MessageAutomation, MessageTemplate
from tests.admin.conftest import Browser, errors, told
from tests.connectors.conftest import mail

__all__ = ["mail"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail")]


def where(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:integrations_{model._meta.model_name}_{page}", args=args)


def mapping(automation: MessageAutomation) -> Any:
    return automation.integration.data_sources.get().mapping


def test_a_template_is_written_and_checked(own: SimpleNamespace, browser: Browser) -> None:
    page = where(MessageTemplate, "add")
    typed = {"name": "Late", "subject": "{{transportOrder.name", "body": "It is late."}
    assert "has no end" in str(errors(browser.send(page, **typed))["subject"])
    browser.saved(page, **{**typed, "subject": "{{transportOrder.name}} is late"})
    made = MessageTemplate.objects.of(own.platform).get(name="Late")
    assert made.subject == "{{transportOrder.name}} is late"


def test_a_changed_template_changes_what_is_sent(own: SimpleNamespace, browser: Browser) -> None:
    browser.saved(where(MessageTemplate, "change", own.template.pk), subject="Other")
    assert mapping(own.automation)["subject"] == {"$text": "Other"}


def test_a_template_that_is_sent_is_not_deleted(own: SimpleNamespace, browser: Browser) -> None:
    page = where(MessageTemplate, "delete", own.template.pk)
    assert "own-automation" in browser.html(page)
    browser.client.post(page, {"post": "yes"})
    assert MessageTemplate.objects.of(own.platform).filter(pk=own.template.pk).exists()


def test_an_automation_is_made_with_plain_fields(own: SimpleNamespace, browser: Browser) -> None:
    answer = browser.saved(
        where(MessageAutomation, "add"),
        name="Tell planning",
        enabled="on",
        trigger="event.type.StartEngineEvent",
        template=str(own.template.pk),
        recipients="plan@acme.example\n\n $.event.externalAttributes.mail ",
    )
    made = MessageAutomation.objects.of(own.platform).get(integration__name="Tell planning")
    assert made.integration.enabled
    assert made.recipients == ["plan@acme.example", "$.event.externalAttributes.mail"]
    assert made.integration.trigger_entity == "event"
    # The template is about an order, which is no part of the document of an event.
    assert "is no field that we know of in a change of a event" in told(answer)


@pytest.mark.parametrize(
    ("typed", "field", "says"),
    [
        ({"recipients": "ann"}, "recipients", "not an e-mail address"),
        ({"recipients": "", "trigger": "event.created"}, "recipients", "say whom to write to"),
        ({"name": ""}, "name", "required"),
        ({"trigger": "trip.created"}, "trigger", "not one of the available"),
    ],
)
def test_what_is_wrong_is_said_in_place(
    own: SimpleNamespace, browser: Browser, typed: dict[str, str], field: str, says: str
) -> None:
    answer = browser.send(where(MessageAutomation, "change", own.automation.pk), **typed)
    assert says in str(errors(answer)[field])


def test_the_words_of_a_trigger_stay_while_it_means_the_same(
    own: SimpleNamespace, browser: Browser
) -> None:
    own.automation.trigger = ""
    own.automation.automation_config = {"triggerEvent": "afterCreatingTransportOrder"}
    own.automation.save()
    page = where(MessageAutomation, "change", own.automation.pk)
    assert browser.fields(page)["trigger"] == "transportOrder.created"
    browser.saved(page, name="renamed", enabled="on")
    own.automation.refresh_from_db()
    stored = MessageAutomation.objects.of(own.platform).get(pk=own.automation.pk)
    assert stored.automation_config == {"triggerEvent": "afterCreatingTransportOrder"}
    assert (stored.integration.name, stored.integration.enabled) == ("renamed", True)
    browser.saved(page, trigger="transportOrder.status.realized")
    stored.refresh_from_db()
    assert (stored.trigger, stored.automation_config) == ("transportOrder.status.realized", None)


def test_automations_are_switched_and_copied(own: SimpleNamespace, browser: Browser) -> None:
    def act(name: str) -> Any:
        given = {"action": name, "_selected_action": [str(own.automation.pk)]}
        return browser.client.post(where(MessageAutomation, "changelist"), given, follow=True)

    act("switch_on")
    assert MessageAutomation.objects.of(own.platform).get().integration.enabled
    act("switch_off")
    assert not MessageAutomation.objects.of(own.platform).get().integration.enabled
    act("duplicate")
    names = MessageAutomation.objects.of(own.platform).values_list("integration__name", flat=True)
    assert sorted(names) == ["own-automation", "own-automation (copy)"]


def test_a_deleted_automation_ends_its_integration(own: SimpleNamespace, browser: Browser) -> None:
    browser.client.post(where(MessageAutomation, "delete", own.automation.pk), {"post": "yes"})
    assert not MessageAutomation.objects.of(own.platform).exists()
    gone = Integration.objects.of(own.platform).get(pk=own.automation.pk)
    assert gone.deleted_at


def test_its_integration_is_only_looked_at(own: SimpleNamespace, browser: Browser) -> None:
    page = where(Integration, "change", own.automation.pk)
    html = browser.html(page)
    assert 'name="_save"' not in html
    assert "keeps it as it is" in html
    assert "{{transportOrder.status}}" in html
    assert "Webhookurl" not in html  # what other connectors are set up with
    assert where(MessageAutomation, "change", own.automation.pk) in html
    assert browser.client.post(page, {"name": "mine"}).status_code == 403
    assert browser.client.post(where(Integration, "delete", own.automation.pk)).status_code == 403
    both = [str(own.automation.pk), str(own.integration.pk)]
    given = {"action": "delete_selected", "_selected_action": both, "post": "yes"}
    browser.client.post(where(Integration, "changelist"), given)
    assert Integration.objects.of(own.platform).living().count() == 2
    given = {"action": "resume", "_selected_action": both}
    browser.client.post(where(Integration, "changelist"), given)
    assert Integration.objects.of(own.platform).get(pk=own.automation.pk).enabled
