"""Templates and automations are saved, and the integrations that carry them out with them."""

from collections.abc import Iterator
from typing import Any

from django.db import transaction

from integrations import definition
from integrations.connectors import email
from integrations.core import paths
from integrations.core.errors import MappingError, Problem
from integrations.messages import happenings
from integrations.messages.happenings import Happening
from integrations.models import IntegrationType, MessageAutomation, MessageTemplate
from otms.accounts import audit, difference
from otms.accounts.models import Platform

MOST_RECIPIENTS = email.MOST_RECIPIENTS
OWN = ("name", "description", "enabled")
CONTACTS = "contactDetails[?(@.type=='email')].value"
# Who is told when the automation doesn't say: the customer. Nobody else is in the document.
USUAL = {
    "transportOrder": f"$.transportOrder.customer.{CONTACTS}",
    "business": f"$.business.{CONTACTS}",
}


class InUse(Exception):
    """A template that automations send can't be deleted; the message names them."""


def alone(platform: Platform) -> None:
    """Until the transaction ends, nobody else changes the messages of this platform.

    Else an automation could be made of a template that is changed at this moment, and keep the old
    text. Taken before any other lock.
    """
    Platform.objects.select_for_update(no_key=True).get(pk=platform.pk)


def locked(platform: Platform) -> Any:
    """The automations of a platform with their integrations, which nobody else changes now."""
    living = MessageAutomation.objects.of(platform).filter(integration__deleted_at=None)
    return living.select_related("integration", "template").select_for_update(
        no_key=True, of=("self", "integration")
    )


@transaction.atomic
def save_template(
    platform: Platform, given: dict[str, Any], template: MessageTemplate | None = None
) -> MessageTemplate:
    """Make a template of what was given, or change this one and all that send it."""
    alone(platform)
    template = template or MessageTemplate(platform=platform)
    before = _audited(template)
    changed = {name for name, value in given.items() if getattr(template, name) != value}
    for name in changed:
        setattr(template, name, given[name])
    if not template._state.adding and not changed:
        return template
    if problems := list(template.problems()):
        raise definition.Invalid(problems)
    action = "create:messageTemplate" if template._state.adding else "update:messageTemplate"
    template.save()
    audit.record(action, template, difference.changes(before, _audited(template)))
    for automation in locked(platform).filter(template=template).order_by("pk"):
        automation.template = template
        _carried_out(automation, {}, changed=True)
    return template


@transaction.atomic
def delete_template(template: MessageTemplate) -> None:
    """Delete a template that nobody sends; else InUse."""
    alone(template.platform)
    names = [str(each) for each in template.automations.select_related("integration")[:10]]
    if names:
        listed = ", ".join(names)
        raise InUse(f"This messageTemplate is sent by {listed}: give these another one first.")
    audit.record("delete:messageTemplate", template, difference.changes(_audited(template), {}))
    template.delete()


@transaction.atomic
def save_automation(
    platform: Platform, given: dict[str, Any], automation: MessageAutomation | None = None
) -> MessageAutomation:
    """Make an automation of what was given, or change this one; definition.Invalid says why not.

    Of the two spellings of the trigger, one that is given takes the place of both.
    """
    alone(platform)
    if automation:
        automation = locked(platform).get(pk=automation.pk)
    else:
        automation = MessageAutomation(platform=platform)
    before, was = _said(automation), _shown(automation)
    if given.get("trigger") or given.get("automation_config"):
        automation.trigger = given.get("trigger") or ""
        automation.automation_config = given.get("automation_config")
    if "recipients" in given:
        automation.recipients = given["recipients"]
    problems = list(_problems(automation, given))
    template = None
    try:
        template = _template(platform, given.get("message_template"), automation)
    except definition.Invalid as error:
        problems += [each.under("messageTemplate") for each in error.problems]
    if problems or template is None:
        raise definition.Invalid(problems)
    about = {name: given[name] for name in OWN if name in given}
    if automation._state.adding and "id" in given:
        about["id"] = given["id"]
    automation.template = template
    saved = _carried_out(automation, about, changed=_said(automation) != before)
    if changes := difference.changes(was, _shown(saved)):
        action = "update:messageAutomation" if was else "create:messageAutomation"
        audit.record(action, saved, changes)
    return saved


@transaction.atomic
def duplicate(automation: MessageAutomation) -> MessageAutomation:
    """A copy that sends nothing yet."""
    of = automation.integration
    given = {
        "name": f"{of.name[:190]} (copy)",
        "description": of.description,
        "enabled": False,
        "trigger": automation.trigger,
        "automation_config": automation.automation_config,
        "message_template": {"id": automation.template_id},
        "recipients": automation.recipients,
    }
    return save_automation(automation.platform, given)


@transaction.atomic
def switch(automation: MessageAutomation, on: bool) -> bool:
    """Send or not; False when it was deleted meanwhile."""
    before = _shown(automation)
    if not automation.integration.switch(on):
        return False
    if changes := difference.changes(before, _shown(automation)):
        audit.record("update:messageAutomation", automation, changes)
    return True


@transaction.atomic
def delete(automation: MessageAutomation) -> None:
    """Delete it; what waits to be sent is cancelled, the history of its integration stays."""
    alone(automation.platform)
    integration = automation.integration
    audit.record("delete:messageAutomation", automation)
    automation.delete()
    integration.retire("The message automation was deleted.")


def meant(automation: MessageAutomation) -> Happening:
    """What sets off an automation that is stored."""
    found = happenings.read(automation.trigger, automation.automation_config)
    assert isinstance(found, Happening)  # noqa: S101 - it was checked when it was saved
    return found


def recipients(automation: MessageAutomation) -> list[str]:
    """Addresses, and paths where there are some: its own, or what is usual."""
    return automation.recipients or [USUAL[meant(automation).entity]]


def recipient_problems(given: Any, entity: str) -> Iterator[Problem]:
    """What is wrong with a list of recipients; null is the usual one, where there is one."""
    if given is None:
        if entity not in USUAL:
            text = f"A change of {entity} names no customer: say whom to write to."
            yield Problem("recipients", "required", text)
        return
    if not isinstance(given, list) or not 0 < len(given) <= MOST_RECIPIENTS:
        text = f"Write a list of 1 to {MOST_RECIPIENTS} addresses and paths; null for the customer."
        yield Problem("recipients", "invalid", text)
        return
    for place, each in enumerate(given):
        try:
            if isinstance(each, str) and each.startswith("$"):
                paths.compile(each)
            elif not email.addresses(each, ""):
                raise MappingError("", "", "Write an e-mail address, or a path to one.")
        except (paths.PathError, MappingError) as error:
            yield Problem(f"recipients[{place}]", "invalid", str(error))


def _problems(automation: MessageAutomation, given: dict[str, Any]) -> Iterator[Problem]:
    kind = given.get("type", IntegrationType.MESSAGE_AUTOMATION)
    if kind != IntegrationType.MESSAGE_AUTOMATION:
        yield Problem(
            "type", "not_available", f"{kind} is not available; there is messageAutomation."
        )
    found = happenings.read(automation.trigger, automation.automation_config)
    if isinstance(found, Problem):
        yield found
    else:
        yield from recipient_problems(automation.recipients, found.entity)


def _audited(template: MessageTemplate) -> dict[str, Any]:
    """What the audit trail compares and shows; nothing of what is not stored yet."""
    names = () if template._state.adding else ("name", "subject", "body")
    return {name: getattr(template, name) for name in names}


def _template(platform: Platform, given: Any, automation: MessageAutomation) -> MessageTemplate:
    """The template that is named, or one that is made of the texts that stand in its place."""
    if given is None and automation.template_id:
        return automation.template
    given = dict(given or {})
    if id := given.pop("id", None):
        if given.keys() & {"subject", "body"}:
            text = "Give the id of a messageTemplate or texts of a new one; PUT changes a template."
            raise definition.Invalid([Problem("id", "contradiction", text)])
        if found := MessageTemplate.objects.of(platform).filter(pk=id).first():
            return found
        text = f"There is no messageTemplate with the id {id}."
        raise definition.Invalid([Problem("id", "unknown", text)])
    if missing := [name for name in ("subject", "body") if not given.get(name)]:
        text = "Give the id of a messageTemplate, or subject and body of a new one."
        raise definition.Invalid([Problem(missing[0] if given else "", "required", text)])
    given.setdefault("name", given["subject"][:200])
    return save_template(platform, given)


def _said(automation: MessageAutomation) -> tuple[Any, ...]:
    """What a person says of it, beside what the integration holds."""
    config, to = automation.automation_config, automation.recipients
    return automation.trigger, config, to, automation.template_id


def _shown(automation: MessageAutomation) -> dict[str, Any]:
    """What the audit trail compares and shows; nothing of what is not stored yet."""
    if automation._state.adding:
        return {}
    of = automation.integration
    return {
        **{name: getattr(of, name) for name in OWN},
        "trigger": automation.trigger,
        "automationConfig": automation.automation_config,
        "messageTemplate": str(automation.template),
        "recipients": automation.recipients,
    }


def _carried_out(
    automation: MessageAutomation, about: dict[str, Any], *, changed: bool
) -> MessageAutomation:
    """Make the integration what the automation and its template say."""
    template = automation.template
    integration = None if automation._state.adding else automation.integration
    kept = integration and integration.data_sources.first()
    version = integration.version if integration else 0
    happening = meant(automation)
    source = {
        **({"id": kept.pk} if kept else {}),
        "name": template.name,
        "connector": "email",
        "settings": {},
        "mapping": {"to": recipients(automation), **template.mapping},
    }
    given = {
        "type": IntegrationType.MESSAGE_AUTOMATION,
        **about,
        "trigger": happening.trigger,
        "filters": happening.filters,
        "schedule": (automation.automation_config or {}).get("schedule"),
        "data_sources": [source],
    }
    try:
        made = definition.save(automation.platform, given, integration, by_keeper=True)
    except definition.Invalid as error:
        raise definition.Invalid(
            [each.at(renamed(each.field)) for each in error.problems]
        ) from None
    if changed:
        if made.version == version:
            made.save()
        automation.integration = made
        automation.save()
    return automation


def renamed(field: str) -> str:
    """The automation's own name for a field of its integration."""
    for ours, theirs in (
        ("dataSources[0].mapping.to", "recipients"),
        ("dataSources[0].mapping", "messageTemplate"),
        ("dataSources[0].settings", ""),
        ("schedule", "automationConfig.schedule"),
    ):
        if field.startswith(ours):
            return f"{theirs}{field.removeprefix(ours)}"
    return field
