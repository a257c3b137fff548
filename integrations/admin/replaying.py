"""Replays, asked for on a page: what is told, how fast, and first what that would send."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldBooleanSwitchWidget,
)

from integrations import replay
from integrations.admin.links import STATUS_WORDS, page_of
from integrations.models import Integration, Replay, Status
from integrations.models.replay import REPAIRED, REPLAYS, AsOf
from integrations.tasks import wake_replays
from otms.accounts import audit
from otms.accounts.asking import act, allowed
from otms.accounts.platform_admin import PlatformAdmin
from otms.documents import timestamp

TASK_TELLS = _("A worker makes them anew: here it is seen how far that is.")


class ReplayForm(forms.Form):
    """As what they are told, and how fast."""

    snapshot = forms.ChoiceField(
        label=_("What is told"),
        choices=[
            (AsOf.ORIGINAL, _("the changes as they were")),
            (AsOf.CURRENT, _("the records as they are now")),
        ],
        initial=AsOf.ORIGINAL,
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )
    mapping = forms.ChoiceField(
        label=_("With the filters and mappings"),
        choices=[(AsOf.CURRENT, _("of now")), (AsOf.ORIGINAL, _("of then"))],
        initial=AsOf.CURRENT,
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )
    per_minute = forms.IntegerField(
        label=_("At most, per minute"),
        required=False,
        min_value=1,
        max_value=replay.FASTEST,
        help_text=_("Empty: as fast as it goes."),
        widget=UnfoldAdminIntegerFieldWidget(),
    )

    HOW = ("snapshot", "mapping", "per_minute")

    @property
    def asked(self) -> dict[str, Any]:
        """How, as it was chosen, or what would be without a choice."""
        given = self.cleaned_data if self.is_bound and self.is_valid() else {}
        return {name: given.get(name) or self.fields[name].initial for name in self.HOW}


class WhichForm(ReplayForm):
    """Which of an integration's objects, and how."""

    status = forms.MultipleChoiceField(
        label=_("Those that are"),
        choices=[(each.value, STATUS_WORDS[each]) for each in Status],
        initial=[Status.ERROR.value],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    since = forms.SplitDateTimeField(
        label=_("Saved since"), required=False, widget=UnfoldAdminSplitDateTimeWidget
    )
    until = forms.SplitDateTimeField(
        label=_("And before"),
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text=_("Empty: till now."),
    )
    replays = forms.BooleanField(
        label=_("Also what was itself a replay"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )

    repaired = forms.BooleanField(
        label=_("Also failed ones of which a replay was delivered or waits"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )

    field_order = ("status", "since", "until", "repaired", "replays", *ReplayForm.HOW)

    def clean(self) -> Any:
        given = super().clean() or {}
        for name in ("since", "until"):
            try:
                timestamp(given[name]) if given.get(name) else ""
            except OverflowError:
                self.add_error(name, gettext("There is no such moment."))
        return given

    @property
    def chosen(self) -> dict[str, Any]:
        """Which, in the words of the API."""
        if not (self.is_bound and self.is_valid()):
            return {"status": self.fields["status"].initial, REPAIRED: False}
        given = self.cleaned_data
        moments = {name: given[name] for name in ("since", "until") if given[name]}
        return {
            "status": given["status"],
            **{name: timestamp(each) for name, each in moments.items()},
            REPAIRED: given["repaired"],
            **({REPLAYS: True} if given["replays"] else {}),
        }


class ReplayPage(PlatformAdmin):
    """A page of an integration: which of its objects are sent once more."""

    @act(replay.ACTION, _("Replay"), icon="replay")
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What a replay would send; confirmed, it is a task."""
        integration = self.found(request, object_id)
        form = WhichForm(request.POST or None)
        asked = Replay(
            platform_id=integration.platform_id,
            integration=integration,
            chosen=form.chosen,
            **form.asked,
        )
        if "post" in request.POST and form.is_valid() and integration.enabled:
            task = replay.start(asked, str(request.user))
            transaction.on_commit(wake_replays)
            self.message_user(request, TASK_TELLS, messages.SUCCESS)
            return HttpResponseRedirect(page_of(task))
        previews = [(integration, seen(request, asked), 0)]
        return self.page(
            request,
            "admin/integrations/replay.html",
            gettext("Replay objects of {name}").format(name=integration),
            integration,
            previews=previews,
            form=form,
            now_told=asked.tells_now,
            some=any(each.count for __, each, __ in previews),
            list=page_of(integration),
        )


def seen(request: HttpRequest, asked: Replay) -> replay.Preview:
    """What it would send, for who may see that; a look at it is written down."""
    integration: Integration = asked.integration
    if asked.tells_now and not allowed(request, f"get:{integration.trigger_entity}"):
        raise PermissionDenied
    audit.looked(replay.ACTION, integration)
    return replay.preview(asked)
