"""What people type in the admin: forms about one platform, and what is wrong at its field."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import connection
from django.utils.translation import gettext
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminTextareaWidget

from otms.accounts.asking import is_owned
from otms.accounts.models import Platform


class ExactDecimalField(forms.DecimalField):
    """A number as people write it: 4, not 4.000000."""

    def prepare_value(self, value: Any) -> Any:
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value


class JsonWidget(UnfoldAdminTextareaWidget):
    """A JSON document, as it is written."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        style = "font-family: ui-monospace, Menlo, Consolas, monospace; tab-size: 2"
        super().__init__({"rows": 4, "spellcheck": "false", "style": style, **(attrs or {})})


class PlatformForm(forms.ModelForm):
    """The form of a record of one platform, which the admin names on the class it makes."""

    platform: Platform

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.instance.platform = self.platform
        for field in self.fields.values():
            if field.label:  # in a table its column has it, and who can't see that needs it here
                field.widget.attrs.setdefault("aria-label", str(field.label))

    def add_error(self, field: str | None, error: Any) -> None:
        """A model may find fault with a column that the form shows in pieces: tell it there.

        `raise_problems()` writes the piece in front: "url: The URL names no host."
        """
        if field is None and hasattr(error, "error_dict"):
            for name, errors in error.error_dict.items():
                for each in errors:
                    self._add_at_piece(name, each)
        else:
            super().add_error(field, error)

    def _add_at_piece(self, column: str, error: ValidationError) -> None:
        if column in self.fields or column == NON_FIELD_ERRORS:
            super().add_error(column, error)
            return
        text = str(error.messages[0])
        piece, _, message = text.partition(": ")
        piece = piece.split(".")[0].split("[")[0]
        if piece in self.fields:
            super().add_error(piece, message)
        else:
            super().add_error(None, f"{column}.{text}")


class RecordForm(PlatformForm):
    """The form of a page: who saves a record that somebody else changed meanwhile is told so."""

    as_read = forms.CharField(required=False, label="", widget=forms.HiddenInput)
    # Why it can't be saved, though nothing is wrong with it; the admin names it.
    refusal: Callable[[], Any] = staticmethod(lambda: None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["as_read"] = "" if self.instance._state.adding else self._stored(self.instance)

    def clean(self) -> Any:
        given = super().clean()
        # A form without it was made by a program, which means what it says.
        read = self.cleaned_data.pop("as_read", "")
        if read and read != self._stored(self._locked()):
            text = gettext(
                "Not saved: somebody changed this since you opened it. Copy what you typed, "
                "and open it again."
            )
            raise ValidationError(text, "changed_meanwhile")
        if refused := self.refusal():
            raise ValidationError(gettext("Not saved. {why}").format(why=refused.detail), "no_room")
        return given

    def _stored(self, record: Any) -> str:
        return record.updated_at.isoformat() if record else ""

    def _locked(self) -> Any:
        """The record as it is stored; in a transaction nobody changes it before this is saved."""
        stored = type(self.instance)._default_manager.filter(platform=self.platform)
        if connection.in_atomic_block:
            stored = stored.select_for_update(no_key=True)
        return stored.filter(pk=self.instance.pk).first()


class PlatformFormSet(PaginationInlineFormSet):
    """The parts of a record; a part with a `position` has the one it has in the form."""

    platform: Platform

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        key = form.fields.get(self.model._meta.pk.name)
        if isinstance(key, forms.ModelChoiceField) and is_owned(self.model):
            key.queryset = self.model._default_manager.filter(platform=self.platform)

    def get_queryset(self) -> Any:
        """The parts, without a query where they were fetched for all the wholes at once."""
        fetched = getattr(self.instance, "_prefetched_objects_cache", {})
        name = self.fk.remote_field.get_accessor_name()
        return fetched[name] if name in fetched else super().get_queryset()

    def save(self, commit: bool = True) -> list[Any]:
        moved = self._number() if hasattr(self.model, "position") else []
        saved = super().save(commit=commit)
        if commit:
            for part in moved:
                part.save()
        return saved

    def _number(self) -> list[Any]:
        """Give the parts their places; those that nothing else will save are returned."""
        left = [
            form
            for form in self.forms
            if form not in self.deleted_forms
            and (form.has_changed() or not form.instance._state.adding)
        ]
        moved = []
        for place, form in enumerate(left):
            if form.instance.position != place:
                form.instance.position = place
                if not form.has_changed():
                    moved.append(form.instance)
        return moved
