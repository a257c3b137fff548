"""What a message can be about, in the two spellings that the vendor's documents have.

transportOrder.status.realized     entity, field and value; or entity and action
afterUpdatingTransportOrder        after{what happens}{Entity}; of an event, after{type}
"""

import re
from functools import cache
from typing import Any, NamedTuple

from integrations import entities
from integrations.core.errors import Problem
from integrations.models.integration import ACTIONS
from otms.api.serializers import camel
from otms.spelling import did_you_mean

GERUNDS = {"Creating": "created", "Updating": "updated", "Deleting": "deleted"}
NEVER_SENT = "It is refused, because no message would ever be sent."


class Happening(NamedTuple):
    """Something that happens to a record: an action, or a field that becomes a value."""

    entity: str
    action: str = ""
    field: str = ""
    value: str = ""

    @property
    def spelled(self) -> str:
        """In the dotted spelling."""
        return ".".join(each for each in self if each)

    @property
    def trigger(self) -> dict[str, Any]:
        # A record that is made with the value has it from then on.
        actions = [self.action] if self.action else ["created", "updated"]
        return {"entity": self.entity, "actions": actions}

    @property
    def filters(self) -> list[dict[str, Any]]:
        if self.action:
            return []
        path = f"$.{self.entity}.{self.field}"
        return [{"field": path, "operator": "changedTo", "value": self.value}]

    @property
    def words(self) -> str:
        """For people: `Transport order: status becomes realized`."""
        label = entities.load(self.entity).label
        if self.action:
            return f"{label}: {self.action}"
        return f"{label}: {self.field} becomes {self.value}"


@cache
def dotted() -> dict[str, Happening]:
    """All that can happen, by its dotted spelling."""
    found: list[Happening] = []
    for entity in entities.known():
        found += [Happening(entity, action) for action in ACTIONS]
        for field in entities.load(entity).root._meta.get_fields():
            values = [str(value) for value, _ in getattr(field, "choices", None) or ()]
            found += [Happening(entity, "", camel(field.name), value) for value in values]
    return {each.spelled: each for each in found}


@cache
def trigger_events() -> dict[str, Happening]:
    """What of it has a name in the other spelling, by that name."""
    found: dict[str, Happening] = {}
    for entity in entities.known():
        name = entity[0].upper() + entity[1:]
        found |= {f"after{how}{name}": Happening(entity, done) for how, done in GERUNDS.items()}
    types = [each for each in dotted().values() if (each.entity, each.field) == ("event", "type")]
    return found | {f"after{each.value}": each for each in types}


def read(trigger: str, config: dict[str, Any] | None) -> Happening | Problem:
    """What is meant by a trigger, an automationConfig, or both; or why nothing can be."""
    if not trigger and not config:
        text = "Say when: `transportOrder.status.realized`, or an automationConfig."
        return Problem("trigger", "required", text)
    by_name = _dotted(trigger) if trigger else None
    by_event = _configured(config) if config else None
    for found in (by_name, by_event):
        if isinstance(found, Problem):
            return found
    if by_name and by_event and by_name != by_event:
        text = f"This is not what the trigger says, {trigger}: give one of the two."
        return Problem("automationConfig.triggerEvent", "contradiction", text)
    meant = by_name or by_event
    assert isinstance(meant, Happening)  # noqa: S101 - for the type checker: one of them was given
    return meant


def _dotted(trigger: str) -> Happening | Problem:
    if found := dotted().get(trigger):
        return found
    entity, known = trigger.partition(".")[0], entities.known()
    if entity not in known:
        text = f"There are messages about {', '.join(known)}, not about {entity[:80]!r}."
        hint = did_you_mean(entity, known)
        return Problem("trigger", "not_available", f"{text} {NEVER_SENT}{hint}")
    own = [each for each in dotted() if each.startswith(f"{entity}.")]
    text = f"There is no {trigger[:200]!r}; there are: {', '.join(own)}."
    # By the last word alone: all of them begin alike.
    ends = {each.rpartition(".")[2]: each for each in reversed(own)}
    meant = did_you_mean(trigger.rpartition(".")[2], ends)
    hint = f" Did you mean `{ends[meant.split('`')[1]]}`?" if meant else ""
    return Problem("trigger", "not_available", f"{text} {NEVER_SENT}{hint}")


def _configured(config: dict[str, Any]) -> Happening | Problem:
    how = config.get("triggerType") or "trigger"
    if how != "trigger":
        text = f"Messages are sent when something happens (`trigger`); {how} is not available."
        return Problem("automationConfig.triggerType", "not_available", f"{text} {NEVER_SENT}")
    event, known = str(config.get("triggerEvent") or ""), trigger_events()
    if found := known.get(event):
        return found
    text = f"There is no {event[:80]!r} here; there are: {', '.join(known)}."
    where = "automationConfig.triggerEvent"
    if not event:
        return Problem(where, "required", f"Say what happens, one of {', '.join(known)}.")
    # Names that begin and end alike are not meant for each other: it is no Event that a Trip is.
    alike = did_you_mean(_core(event), map(_core, known))
    hint = did_you_mean(event, known) if alike else ""
    return Problem(where, "not_available", f"{text} {NEVER_SENT}{hint}")


def _core(event: str) -> str:
    """The word in the middle of a triggerEvent."""
    return re.sub(rf"^after({'|'.join(GERUNDS)})?|(?<=[a-z])Event$", "", event)
