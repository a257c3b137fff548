"""The form of an integration: its trigger as two questions instead of a document."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from integrations import entities, story
from integrations.models.integration import ACTIONS
from otms.accounts.platform_forms import RecordForm


class IntegrationForm(RecordForm):
    """The trigger as two questions instead of a document."""

    entity = forms.ChoiceField(
        label=_("Changes of"),
        widget=UnfoldAdminSelectWidget,
        choices=lambda: [(key, entities.load(key).label) for key in entities.known()],
    )
    actions = forms.MultipleChoiceField(
        label=_("When it was"),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        choices=[(each, story.DONE[each]) for each in ACTIONS],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        trigger = self.instance.trigger or {}
        self.initial.setdefault("entity", trigger.get("entity"))
        self.initial.setdefault("actions", trigger.get("actions"))

    def clean(self) -> Any:
        given = super().clean()
        if "entity" in self.cleaned_data and "actions" in self.cleaned_data:
            self.instance.trigger = {
                "entity": self.cleaned_data["entity"],
                "actions": self.cleaned_data["actions"],
            }
        return given
