"""The page with an integration's credentials: make one, see when they were used, revoke one."""

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.utils.html import format_html
from django.utils.timezone import now
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from integrations.api.authentication import OWN
from integrations.models import Credential, Integration
from otms.accounts.asking import allowed
from otms.accounts.zone import moment

MOST_SHOWN = 50
SCOPES = {
    "get:integration": _("see the integration"),
    "get:integration:catalogue": _("see what an integration can be made of"),
    "get:integration:objects": _("see its queue"),
    "get:integration:object": _("see one object of the queue"),
    "get:integration:logs": _("see its logs"),
    "get:integration:requestLogs": _("see what was sent and answered"),
    "get:integration:tasks": _("see its tasks"),
    "get:integration:task": _("see one task and what became of its rows"),
    "get:integration:file": _("see its files"),
    "get:integration:email": _("see its mails"),
    "import:data": _("import orders"),
    "upload:integration:file": _("upload files"),
    "receive:integration:email": _("bring mails in"),
    "receive:transportOrder:mail": _("bring mails in, the vendor's way"),
    "test:mapping": _("test mappings"),
    "suggest:mapping": _("have mappings suggested"),
    "test:fileTemplate:mapping": _("test mappings of file templates"),
}
LIVES = {"": _("until it is revoked"), "30": _("30 days"), "90": _("90 days"), "365": _("a year")}
KEPT = {"": _("end now"), "1": _("work for another day"), "7": _("work for another 7 days")}
STATES = {
    "valid": _("valid"),
    "ending": _("ending"),
    "expired": _("expired"),
    "revoked": _("revoked"),
}


class CredentialForm(forms.Form):
    """Nothing has to be said: then it may all, for ever, and the older one ends."""

    name = forms.CharField(
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
        label=_("For whom"),
        help_text=_("It takes the place of the credentials of the same name."),
    )
    keep = forms.ChoiceField(
        required=False,
        choices=list(KEPT.items()),
        widget=UnfoldAdminSelectWidget,
        label=_("Those of the same name"),
    )
    lives = forms.ChoiceField(
        required=False,
        choices=list(LIVES.items()),
        widget=UnfoldAdminSelectWidget,
        label=pgettext_lazy("credentials", "Works"),
    )
    rate = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=100_000,
        widget=UnfoldAdminIntegerFieldWidget,
        label=_("Calls a minute"),
        help_text=_("Empty: as many as others."),
    )
    scopes = forms.MultipleChoiceField(
        required=False,
        choices=[(name, SCOPES[name]) for name in SCOPES if name in OWN],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        label=_("It may"),
        help_text=_("None chosen: all of it."),
    )

    def generate(self, integration: Integration) -> dict[str, Any]:
        """Make the credential; its secrets."""
        given = self.cleaned_data
        keep, lives = (_days(given[name]) for name in ("keep", "lives"))
        kept, shown = Credential.generate(
            integration,
            name=given["name"],
            revoke_older_at=keep,
            expires_at=lives,
            rate=given["rate"],
            scopes=given["scopes"] or None,
        )
        return {**shown, "cut_short": kept.cut_short}


def _days(text: str) -> Any:
    return now() + timedelta(days=int(text)) if text else None


def revoke(request: Any, integration: Integration) -> Credential | None:
    """Revoke the credential that is named in the request; None when it was over before."""
    if not allowed(request, "delete:integration:credential"):
        raise PermissionDenied
    try:
        found = integration.credentials.filter(pk=request.POST["revoke"]).first()
    except (ValueError, forms.ValidationError):
        return None
    return found if found and found.revoke() else None


def again(request: Any, integration: Integration) -> dict[str, Any]:
    """What the form begins with to take the place of the credential that is to be rotated: the same
    name and rights, and a day for both."""
    try:
        of = integration.credentials.filter(pk=request.GET.get("rotate")).first()
    except (ValueError, forms.ValidationError):
        of = None
    if of is None:
        return {}
    return {"name": of.name, "keep": "1", "rate": of.rate, "scopes": of.scopes or []}


def rows(integration: Integration) -> list[dict[str, Any]]:
    """The newest credentials, in words."""
    newest = integration.credentials.order_by("-created_at")[:MOST_SHOWN]
    return [{"credential": each, **_in_words(each)} for each in newest]


def _in_words(credential: Credential) -> dict[str, Any]:
    state = credential.state
    ends = {
        "revoked": (gettext("revoked {at}"), credential.revoked_at),
        "expired": (gettext("expired {at}"), credential.expires_at),
        "ending": (gettext("works until {at}"), credential.revoked_at),
        "valid": (gettext("works until {at}"), credential.expires_at),
    }
    until, at = ends[state]
    used = gettext("last used never")
    if credential.last_used_at:
        used = format_html(gettext("last used {at}"), at=moment(credential.last_used_at))
    some = [str(SCOPES[name]) for name in SCOPES if credential.scopes and credential.allows(name)]
    return {
        "state": {"text": STATES[state], "type": "success" if state == "valid" else "default"}
        | ({"type": "warning"} if state == "ending" else {}),
        "until": format_html(until, at=moment(at)) if at else "",
        "may": ", ".join(some) or gettext("do all that an integration may"),
        "used": used,
        "living": state in ("valid", "ending"),
    }
