"""Columns of our own: JSON documents kept as they were written, and what is sealed."""

import json
import logging
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Self

from django import forms
from django.core import checks
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from otms import documents
from otms.db.sealing import CannotOpen, opened, seal

log = logging.getLogger(__name__)


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


class Secrets(Mapping[str, Any]):
    """Secret values by name, decrypted when the first of them is needed.

    Printing it shows no value, and neither JSON nor a pickle takes it: whoever wants the values
    somewhere else has to say so.
    """

    __slots__ = ("_sealed", "_values", "place")

    def __init__(self, values: Any = (), *, sealed: str = "") -> None:
        self._values: dict[str, Any] | None = None if sealed else dict(values)
        self._sealed = sealed
        self.place = ""

    def _opened(self) -> dict[str, Any]:
        if self._values is None:
            if not self.place:
                raise CannotOpen("Secrets are read through their record, which knows their place.")
            self._values = json.loads(opened(self._sealed, self.place))
        return self._values

    @property
    def are_readable(self) -> bool:
        """Is there a key that opens them? If not, the log says once which record it is."""
        try:
            self._opened()
        except CannotOpen as error:
            _tell_once(str(error))
            return False
        return True

    @property
    def as_stored(self) -> "Sealed":
        """What the database has of them."""
        return Sealed(self._sealed)

    def __getitem__(self, name: str) -> Any:
        return self._opened()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._opened())

    def __len__(self) -> int:
        return len(self._opened())

    def __repr__(self) -> str:
        names = ["..."] if self._values is None else [f"{name}=***" for name in self._values]
        return f"Secrets({', '.join(names)})"

    # Nothing of it changes, so a copy may be the thing itself.

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> Any:
        raise TypeError("Secrets go into no pickle; read their record again.")


class Sealed(str):
    """As it is stored: nobody reads it without the keys."""

    __slots__ = ()


@lru_cache(maxsize=1000)
def _tell_once(text: str) -> None:
    log.error(text)


class _AtItsPlace(DeferredAttribute):
    """The attribute of a sealed field: it knows for which row the value is."""

    field: Any

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        value = super().__get__(instance, owner)
        return value if instance is None else self.field.value_of(instance, value)

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = self.field.to_python(value)


class SealedMixin(models.Field):
    """A column that is encrypted at rest, each value for its row alone.

    `manage.py rotatekeys` finds every such column by this class. Who renames a model or such a
    field has to seal its values anew: the place is model, field and row.
    """

    descriptor_class = _AtItsPlace
    raw: models.Field  # as the database knows it

    def place(self, pk: Any) -> str:
        return f"{self.model._meta.label}.{self.name} of {pk}"

    def content(self, value: Any) -> bytes:
        """The bytes to seal; none if there is nothing to hide."""
        raise NotImplementedError

    def value_of(self, instance: models.Model, value: Any) -> Any:
        """What the attribute of this record is."""
        raise NotImplementedError

    def sealed(self, value: Any, pk: Any) -> Sealed:
        """The value as it is stored in this row, for an `update()` of this row alone."""
        content = self.content(self.to_python(value))
        return Sealed(seal(content, self.place(pk)) if content else "")

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        return self.sealed(getattr(model_instance, self.attname), model_instance.pk)

    def resealed(self, raw: Any, pk: Any) -> Any:
        """What is stored in this row, sealed with the first key; CannotOpen if no key fits."""
        clear = self.is_clear(raw)
        new = seal(raw if clear else opened(raw, self.place(pk)), self.place(pk))
        return new if isinstance(raw, str) else new.encode()

    def is_clear(self, raw: Any) -> bool:
        """Was it written before the column was sealed?"""
        return False

    def value_to_string(self, obj: models.Model) -> str:
        return ""  # a dump of the database's records carries no secret

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        found = super().check(**kwargs)
        if self.editable:
            found.append(checks.Error("A secrets field must be editable=False.", obj=self))
        return found

    def _stored(self, value: Any) -> str:
        if value and not isinstance(value, Sealed):
            raise TypeError(
                f"{self.name} is sealed for its record: set it there, and save(); an update() of "
                "one row takes what the field's sealed(value, pk) gives."
            )
        return str(value or "")


class SecretsField(SealedMixin, models.TextField):
    """A dict of secrets, encrypted at rest with the first of `OTMS_ENCRYPTION_KEYS`."""

    # For the type checker: read as Secrets, set as any mapping.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    raw = models.TextField()

    def from_db_value(self, value: str | None, *_: Any) -> Secrets:
        return Secrets(sealed=value or "")

    def value_of(self, instance: models.Model, value: Secrets) -> Secrets:
        value.place = value.place or self.place(instance.pk)
        return value

    def sealed(self, value: Any, pk: Any) -> Sealed:
        """What no key opens stays as it is: it can be read again when the key is back."""
        if isinstance(value, Secrets) and not value.are_readable:
            return value.as_stored
        return super().sealed(value, pk)

    def content(self, value: Secrets) -> bytes:
        return json.dumps(dict(value)).encode() if value else b""

    def get_prep_value(self, value: Any) -> str:
        return self._stored(value)

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, Secrets) else Secrets(value or {})


class SealedField(SealedMixin, models.BinaryField):
    """Bytes that may hold a secret, encrypted at rest in the same way."""

    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    raw = models.BinaryField()

    def from_db_value(self, value: Any, *_: Any) -> Any:
        found = bytes(value or b"")
        return found if self.is_clear(found) else Sealed(found.decode())

    def is_clear(self, raw: Any) -> bool:
        return bytes(raw).startswith(b"{")  # as the first answers that were kept; no token does

    def value_of(self, instance: models.Model, value: Any) -> bytes:
        if isinstance(value, Sealed):
            value = opened(value, self.place(instance.pk)) if value else b""
        return bytes(value)

    def content(self, value: bytes) -> bytes:
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return connection.Database.Binary(self._stored(value).encode())

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, Sealed) else bytes(value or b"")
