"""An integration to take along: as a text to keep and to compare, and as a copy beside it."""

from typing import Any

from integrations import data_source, definition
from integrations.core.errors import Problem
from integrations.definition import Draft
from integrations.models import DataSource, Integration
from otms import yaml_text

# Who it is and how it goes: of this one alone, and not of one that is made of the text.
ITS_OWN = (
    *("id", "uuid", "primaryPlatformId", "installationId"),
    *("health", "createdAt", "updatedAt"),
)
WITHOUT_SECRETS = (
    "# {name}, without its secrets: write these in, or type them on the page when it is there.\n"
)


def as_yaml(integration: Integration) -> str:
    """All that people say of it, as the API takes it; secrets are named and left out."""
    (shown,) = definition.shown([integration])
    said = {name: value for name, value in shown.items() if name not in ITS_OWN}
    left: list[str] = []
    sources = integration.data_sources.all()
    for place, (source, each) in enumerate(zip(sources, said["dataSources"], strict=True)):
        del each["id"]
        secret, told = data_source.held(source), data_source.told(source)
        left += [f"dataSources[{place}].settings.{name}" for name in secret]
        each["settings"] = _without(each["settings"], {*secret, *told})
    name = " ".join(integration.name.split())
    head = WITHOUT_SECRETS.format(name=name) if left else ""
    return head + "".join(f"#   {name}\n" for name in left) + yaml_text.dumps(said)


def copy(integration: Integration, name: str) -> Integration:
    """Another one that says the same, with the same secrets, paused; not of one that is kept."""
    if integration.kept_by:
        raise definition.Owned(integration.kept_by)
    if lost := definition.unreadable(integration):
        raise definition.Invalid([Problem("", "secrets_unreadable", lost)])
    said = {each: getattr(integration, each) for each in definition.OWN_FIELDS}
    made = Integration(
        platform=integration.platform,
        **{**said, "name": name},
        enabled=False,
        schedule=integration.schedule,
        delivery=integration.delivery,
    )
    problems = list(made.problems())
    if problems:
        raise definition.Invalid(problems)
    sources = [
        DataSource(
            platform=integration.platform,
            integration=made,
            position=place,
            secrets=dict(source.secrets),
            **{each: getattr(source, each) for each in data_source.FIELDS},
        )
        for place, source in enumerate(integration.data_sources.all())
    ]
    return definition.write(Draft(made, sources, [], {}))


def _without(settings: dict[str, Any], names: set[str], above: str = "") -> dict[str, Any]:
    """The settings without those; a name may lead into one: `tls.key`."""
    left = {}
    for name, value in settings.items():
        whole = f"{above}{name}"
        if whole in names:
            continue
        left[name] = _without(value, names, f"{whole}.") if isinstance(value, dict) else value
    return left
