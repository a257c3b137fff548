"""What an app says of itself: read from its YAML file, strictly, and never carried out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.staticfiles import finders
from rest_framework import serializers

from integrations.core.errors import Problem
from integrations.store.filling import REFERENCE, references
from integrations.store.setting import FORMATS, TYPES, Setting
from otms import yaml_text
from otms.accounts.roles import OF_APPS
from otms.api.errors import flatten
from otms.api.serializers import DocumentValue, ObjectValue, WireSerializer

KEY = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
PERMISSION = r"^[a-z]+(:[A-Za-z]+)+$"


class Broken(Exception):
    """A manifest that can't be used: the file, the field, and what is wrong."""


@dataclass(frozen=True)
class App:
    """An app of the store; `parts` are the integrations that an installation has, by their keys."""

    key: str
    name: str
    version: str
    release_notes: str
    description: str
    category: dict[str, str]
    publisher: dict[str, str]
    logo: str
    permissions: tuple[str, ...]
    settings: dict[str, Setting]
    parts: dict[str, dict[str, Any]]
    example: dict[str, Any]

    @cached_property
    def defaults(self) -> dict[str, Any]:
        found = self.settings.items()
        return {name: each.default for name, each in found if each.default is not None}

    @property
    def secrets(self) -> list[str]:
        """The names of the settings that are secret."""
        return [name for name, setting in self.settings.items() if setting.secret]

    def missing(self, values: dict[str, Any]) -> list[str]:
        """The settings that must have a value and have none."""
        return [
            name for name, each in self.settings.items() if each.required and name not in values
        ]


class NamedSerializer(WireSerializer):
    name = serializers.CharField(max_length=60)


class CategorySerializer(NamedSerializer):
    id = serializers.RegexField(KEY.pattern, max_length=60)


class SettingSerializer(WireSerializer):
    type = serializers.ChoiceField(list(TYPES))
    title = serializers.CharField(max_length=60)
    description = serializers.CharField(required=False, max_length=500)
    format = serializers.ChoiceField(list(FORMATS), required=False)
    default = DocumentValue(required=False)
    enum = serializers.ListField(required=False, allow_empty=False)
    minimum = serializers.IntegerField(required=False)
    maximum = serializers.IntegerField(required=False)
    required = serializers.BooleanField(required=False)  # type: ignore[assignment]
    secret = serializers.BooleanField(required=False)


class PartSourceSerializer(WireSerializer):
    name = serializers.CharField(required=False, max_length=60)
    connector = serializers.CharField(max_length=60)
    settings = ObjectValue()
    filters = serializers.ListField(required=False)
    mapping = DocumentValue(required=False)
    success = ObjectValue(required=False)
    remember = serializers.CharField(required=False, max_length=512)


class PartSerializer(WireSerializer):
    """An integration, as the API takes it, with references in it."""

    name = serializers.CharField(required=False, max_length=60)
    description = serializers.CharField(required=False)
    trigger = ObjectValue()
    filters = serializers.ListField(required=False)
    delivery = ObjectValue(required=False)
    data_sources = PartSourceSerializer(many=True, allow_empty=False)


class RequestSerializer(WireSerializer):
    method = serializers.CharField()
    url = serializers.CharField()
    headers = serializers.DictField(required=False)
    body = DocumentValue()


class ExampleSerializer(WireSerializer):
    """Settings, a change, and the requests it leads to."""

    settings = ObjectValue()
    document = ObjectValue()
    requests = RequestSerializer(many=True, allow_empty=False)


class ManifestSerializer(WireSerializer):
    name = serializers.CharField(max_length=60)
    version = serializers.RegexField(r"^\d+\.\d+\.\d+$")
    release_notes = serializers.CharField()
    description = serializers.CharField()
    category = CategorySerializer()
    publisher = NamedSerializer()
    logo = serializers.CharField(required=False)
    permissions = serializers.ListField(child=serializers.RegexField(PERMISSION))
    settings = serializers.DictField(child=SettingSerializer())
    integrations = serializers.DictField(child=PartSerializer(), allow_empty=False)
    example = ExampleSerializer()


def read(file: str, text: str) -> App:
    """The app of a manifest; Broken names the file, the field and what is wrong."""
    try:
        given = yaml_text.loads(text)
    except yaml_text.NotYaml as error:
        raise Broken(f"{file}: {error}") from None
    reader = ManifestSerializer(data=given)
    if not reader.is_valid():
        details = serializers.ValidationError(reader.errors).get_full_details()
        raise Broken(_said(file, [Problem(**each) for each in flatten(details)]))
    checked = reader.validated_data
    app = App(
        key=file.removesuffix(".yaml"),
        logo=checked.pop("logo", ""),
        permissions=tuple(checked.pop("permissions")),
        settings={
            name: Setting(**{**each, "enum": tuple(each.get("enum", ()))})
            for name, each in checked.pop("settings").items()
        },
        # As it is written: what it says is said to the API, which reads it again.
        parts=given["integrations"],
        **{name: value for name, value in checked.items() if name != "integrations"},
    )
    if problems := list(_problems(app)):
        raise Broken(_said(file, problems))
    return app


def _said(file: str, problems: list[Problem]) -> str:
    return "; ".join(f"{file}: {each.field}: {each.message}" for each in problems)


def _problems(app: App) -> Iterator[Problem]:
    """What is wrong with parts of it that are right by themselves."""
    if not KEY.fullmatch(app.key):
        text = f"A file is named in small letters, with hyphens: not {app.key!r}."
        yield Problem("", "invalid", text)
    for place, permission in enumerate(app.permissions):
        if permission not in OF_APPS:
            text = f"There is no call {permission!r} about records: docs/reference/permissions.md."
            yield Problem(f"permissions[{place}]", "unknown", text)
    if app.logo and not finders.find(app.logo):
        yield Problem("logo", "missing", f"There is no static file {app.logo!r}.")
    for name, setting in app.settings.items():
        where = f"settings.{name}"
        if not re.fullmatch(r"[a-z][A-Za-z0-9]*", name):
            yield Problem(where, "invalid", "A setting is named in camelCase.")
        if setting.type == "array" and not setting.enum:
            yield Problem(f"{where}.enum", "required", "Say which values there are to choose from.")
        if setting.secret and (setting.type != "string" or setting.default is not None):
            yield Problem(where, "invalid", "A secret is a string without a default.")
        if setting.default is not None and (wrong := setting.problem(setting.default)):
            yield Problem(f"{where}.default", "invalid", wrong)
    for key, part in app.parts.items():
        yield from _references(part, f"integrations.{key}", app, mapping=False)
    unused = app.settings.keys() - references(app.parts)
    for name in sorted(unused):
        yield Problem(f"settings.{name}", "unused", "No integration refers to it.")


def _references(part: Any, where: str, app: App, *, mapping: bool) -> Iterator[Problem]:
    """References that lead nowhere, and those that may lead to nothing where a text is needed."""
    if isinstance(part, dict):
        for name, each in part.items():
            inside = name == "mapping" or (mapping and name != "$text")
            yield from _references(each, f"{where}.{name}", app, mapping=inside)
    elif isinstance(part, list):
        for place, each in enumerate(part):
            yield from _references(each, f"{where}[{place}]", app, mapping=mapping)
    elif isinstance(part, str) and (names := REFERENCE.findall(part)):
        alone = REFERENCE.fullmatch(part)
        for name in names:
            setting = app.settings.get(name)
            if setting is None:
                there_are = ", ".join(app.settings)
                text = f"There is no setting {name!r}; there are: {there_are}."
                yield Problem(where, "unknown_setting", text)
            elif not alone and not (setting.required or setting.default is not None):
                text = f"{name!r} may have no value: make it required, or give it a default."
                yield Problem(where, "may_be_missing", text)
        if mapping and not alone:
            text = "In a mapping a reference stands alone, or in a `$text` alone."
            yield Problem(where, "not_alone", text)
