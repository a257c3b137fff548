"""Columns of our own: JSON documents kept as they were written, and secrets."""

import json
from decimal import Decimal
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django import forms
from django.conf import settings
from django.core import checks
from django.db import models

from otms import documents


class DocumentFormField(forms.CharField):
    """A JSON document in a form: shown indented, read with exact decimals."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) or value is None else documents.pretty(value)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        if text in self.empty_values:
            return None
        try:
            return documents.loads(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != initial)
        except forms.ValidationError:
            return True


class DocumentField(models.TextField):
    """A JSON document as text, not jsonb: key order and the digits of every number are kept."""

    # For the type checker: a document is anything that JSON can hold.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        return None if value is None else json.loads(value, parse_float=Decimal)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else documents.dumps(value).decode()

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj)) or "null"

    def formfield(self, **kwargs: Any) -> Any:  # type: ignore[override]
        kwargs.pop("choices_form_class", None)
        return models.Field.formfield(self, **{"form_class": DocumentFormField, **kwargs})


class Secrets(dict[str, Any]):
    """Secret values by name; printing it shows the names alone."""

    def __repr__(self) -> str:
        return "Secrets(" + ", ".join(f"{name}=***" for name in self) + ")"

    __str__ = __repr__


class SecretsField(models.TextField):
    """A dict of secrets, encrypted at rest with the first of `OTMS_ENCRYPTION_KEYS`.

    Reading tries every key of the list, so that keys can be rotated (Fernet and MultiFernet of
    `cryptography`: AES-128-CBC with an HMAC-SHA256).
    """

    def from_db_value(self, value: str | None, *_: Any) -> Secrets:
        if not value:
            return Secrets()
        try:
            return Secrets(json.loads(cipher().decrypt(value.encode())))
        except InvalidToken:
            raise ValueError(
                f"{self.model.__name__}.{self.name} can't be decrypted: none of "
                "OTMS_ENCRYPTION_KEYS is the key it was written with."
            ) from None

    def get_prep_value(self, value: dict[str, Any] | None) -> str:
        return cipher().encrypt(json.dumps(dict(value)).encode()).decode() if value else ""

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, Secrets) else Secrets(value or {})

    def value_to_string(self, obj: models.Model) -> str:
        return ""  # a dump of the database's records carries no secret

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        found = super().check(**kwargs)
        if self.editable:
            found.append(checks.Error("A secrets field must be editable=False.", obj=self))
        return found


def cipher() -> MultiFernet:
    return _cipher(tuple(settings.OTMS_ENCRYPTION_KEYS))


@cache
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
