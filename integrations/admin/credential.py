"""The page with an integration's credentials: make one, see when they were used, revoke one."""

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.utils.timezone import now
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from integrations.api.authentication import OWN
from integrations.models import Credential, Integration
from otms.accounts.asking import allowed
from otms.accounts.platform_admin import moment

MOST_SHOWN = 50
SCOPES = {
    "get:integration": "see the integration",
    "get:integration:catalogue": "see what an integration can be made of",
    "get:integration:objects": "see its queue",
    "get:integration:object": "see one object of the queue",
    "get:integration:logs": "see its logs",
    "get:integration:requestLogs": "see what was sent and answered",
    "get:integration:tasks": "see its tasks",
    "get:integration:task": "see one task and what became of its rows",
    "get:integration:file": "see its files",
    "get:integration:email": "see its mails",
    "import:data": "import orders",
    "upload:integration:file": "upload files",
    "receive:integration:email": "bring mails in",
    "receive:transportOrder:mail": "bring mails in, the vendor's way",
    "test:mapping": "test mappings",
    "suggest:mapping": "have mappings suggested",
    "test:fileTemplate:mapping": "test mappings of file templates",
}
LIVES = {"": "until it is revoked", "30": "30 days", "90": "90 days", "365": "a year"}
KEPT = {"": "end now", "1": "work for another day", "7": "work for another 7 days"}


class CredentialForm(forms.Form):
    """Nothing has to be said: then it may all, for ever, and the older one ends."""

    name = forms.CharField(
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
        label="For whom",
        help_text="It takes the place of the credentials of the same name.",
    )
    keep = forms.ChoiceField(
        required=False,
        choices=list(KEPT.items()),
        widget=UnfoldAdminSelectWidget,
        label="Those of the same name",
    )
    lives = forms.ChoiceField(
        required=False,
        choices=list(LIVES.items()),
        widget=UnfoldAdminSelectWidget,
        label="Works",
    )
    rate = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=100_000,
        widget=UnfoldAdminIntegerFieldWidget,
        label="Calls a minute",
        help_text="Empty: as many as others.",
    )
    scopes = forms.MultipleChoiceField(
        required=False,
        choices=[(name, SCOPES[name]) for name in SCOPES if name in OWN],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        label="It may",
        help_text="None chosen: all of it.",
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
        "revoked": ("revoked", credential.revoked_at),
        "expired": ("expired", credential.expires_at),
        "ending": ("works until", credential.revoked_at),
        "valid": ("works until", credential.expires_at),
    }
    word, at = ends[state]
    some = [SCOPES[name] for name in SCOPES if credential.scopes and credential.allows(name)]
    return {
        "state": {"text": state, "type": "success" if state == "valid" else "default"}
        | ({"type": "warning"} if state == "ending" else {}),
        "until": (word, moment(at)) if at else None,
        "may": ", ".join(some) or "do all that an integration may",
        "used": moment(credential.last_used_at) if credential.last_used_at else "never",
        "living": state in ("valid", "ending"),
    }
