"""Where people are logged in, and the tokens of their scripts: the own, and others' for who may."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.text import format_lazy
from django.utils.timezone import now
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from otms.accounts.asking import act, allowed
from otms.accounts.device import in_short
from otms.accounts.fact_admin import FactAdmin
from otms.accounts.models import PersonalToken, Session
from otms.accounts.token_views import offered, offered_in_words
from otms.accounts.zone import moment

# The words for how it is, by what their colours go by.
SESSION_STATES = {
    "open": pgettext_lazy("session", "open"),
    "half": pgettext_lazy("session", "half"),
    "expired": pgettext_lazy("session", "expired"),
    "ended": pgettext_lazy("session", "ended"),
}
TOKEN_STATES = {
    "valid": pgettext_lazy("token", "valid"),
    "expired": pgettext_lazy("token", "expired"),
    "revoked": pgettext_lazy("token", "revoked"),
}


class OwnAdmin(FactAdmin):
    """What a person has of these they see and end; what others have takes a permission."""

    done: str | Promise = ""  # of so many, by their `count`
    ends = ""  # the permission to end what is another's

    def _sees_all(self, request: HttpRequest) -> bool:
        return self.may(request, "view")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None or obj.user_id == request.user.pk:
            return bool(request.user.is_active)
        return self._sees_all(request)

    def get_list_filter(self, request: HttpRequest) -> Any:
        return super().get_list_filter(request) if self._sees_all(request) else ()

    def get_queryset(self, request: HttpRequest) -> Any:
        found = super().get_queryset(request)
        return found if self._sees_all(request) else found.filter(user=request.user)

    def end_each(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """End what of these may be ended, and say so."""
        people = {each.user for each in queryset}
        others = allowed(request, self.ends)
        may = {
            each: each == request.user or (others and request.user.may_change(each))  # type: ignore[union-attr]
            for each in people
        }
        count = sum(self.end_one(each) for each in queryset if may[each.user])
        text = str(self.done).format(count=count)
        if left := sum(not may[each.user] for each in queryset):
            why = gettext("{count} left as they are: they are not yours.")
            if others:
                why = gettext("{count} left as they are: their people may do more than you.")
            text = f"{text} {why.format(count=left)}"
        self.message_user(request, text, messages.WARNING if left else messages.SUCCESS)

    def end_one(self, record: Any) -> bool:
        raise NotImplementedError


@admin.register(Session)
class SessionAdmin(OwnAdmin):
    """Where people are logged in, and were: at the API and in the admin."""

    none_yet = _("Where people are logged in would be here.")
    verbs = {"view": "get:user:sessions"}
    ends = "delete:user:session"
    list_display = ("user", "state", "kind", "address", "browser", "started", "used", "factor")
    list_select_related = ("user",)
    list_filter = ("kind", "user")
    search_fields = ("user__username", "ip", "device")
    fields = (
        *("user", "state_in_words", "kind", "address", "device"),
        *("started", "used", "until", "end", "factor"),
    )
    readonly_fields = fields
    ordering = ("-started_at",)
    actions = ("log_out",)
    done = _("{count} ended; who used them has to log in again.")

    @display(
        description=_("State"),
        label={"open": "success", "ended": "danger", "half": "warning", "expired": None},
    )
    def state(self, session: Session) -> Any:
        state = "half" if session.awaits_code else "open"
        if session.ended_at:
            state = "ended"
        elif max(session.expires_at, session.refresh_expires_at) <= now():
            state = "expired"
        return state, SESSION_STATES[state]

    @display(description=_("State"))
    def state_in_words(self, session: Session) -> str:
        return str(self.state(session)[1])

    @display(description=_("Device"))
    def browser(self, session: Session) -> str:
        return format_html('<span title="{}">{}</span>', session.device, in_short(session.device))

    @display(description=_("Address"))
    def address(self, session: Session) -> str:
        return session.ip or "-"

    @display(description=_("Started"))
    def started(self, session: Session) -> str:
        return moment(session.started_at)

    @display(description=_("Last used"))
    def used(self, session: Session) -> str:
        return moment(session.last_used_at)

    @display(description=_("Open until"))
    def until(self, session: Session) -> str:
        return moment(max(session.expires_at, session.refresh_expires_at))

    @display(description=_("Ended"))
    def end(self, session: Session) -> str:
        return moment(session.ended_at)

    @display(description=_("Second factor"))
    def factor(self, session: Session) -> str:
        return gettext("shown") if session.passed_two_factor_authentication else "-"

    @act("delete:user:session", pgettext_lazy("verb", "End"), own=True)
    def log_out(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        self.end_each(request, queryset)

    def end_one(self, record: Any) -> bool:
        return bool(record.end(record.pk))


class NewTokenForm(forms.Form):
    name = forms.CharField(
        max_length=200,
        label=_("Name"),
        help_text=_("What it is for, such as the script that uses it."),
        widget=UnfoldAdminTextInputWidget({"autofocus": ""}),
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=PersonalToken.LONGEST.days,
        initial=PersonalToken.LIFETIME.days,
        label=_("Good for days"),
        help_text=format_lazy(_("At most {days}."), days=PersonalToken.LONGEST.days),
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    permissions = forms.MultipleChoiceField(
        required=False,
        label=_("Good for calls"),
        help_text=_("None chosen: whatever you may do."),
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )

    def __init__(self, *args: Any, offered: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["permissions"].choices = [(each, each) for each in offered]  # type: ignore[attr-defined]


@admin.register(PersonalToken)
class PersonalTokenAdmin(OwnAdmin):
    """Tokens of people for their own scripts: shown once when they are made, revoked here."""

    none_yet = _("A script shows a token of its person, instead of a name and a password.")
    verbs = {"view": "get:user:tokens"}
    ends = "delete:user:token"
    list_display = ("name", "user", "state", "good_for", "created", "used", "expires", "revoked")
    list_select_related = ("user",)
    list_filter = ("user",)
    search_fields = ("name", "user__username")
    fields = (
        *("name", "user", "state_in_words", "good_for"),
        *("created", "used", "expires", "revoked"),
    )
    readonly_fields = fields
    ordering = ("-created_at",)
    actions = ("revoke",)
    actions_list = ("new",)
    actions_detail = ("revoke_this",)
    done = _("{count} revoked; they are refused from now on.")

    @display(
        description=_("State"), label={"valid": "success", "revoked": "danger", "expired": None}
    )
    def state(self, token: PersonalToken) -> Any:
        state = "valid" if token.living else "expired"
        if token.revoked_at:
            state = "revoked"
        return state, TOKEN_STATES[state]

    @display(description=_("State"))
    def state_in_words(self, token: PersonalToken) -> str:
        return str(self.state(token)[1])

    @display(description=_("Good for"))
    def good_for(self, token: PersonalToken) -> str:
        names = token.permissions
        if names is None:
            return gettext("all that its person may do")
        first = ", ".join(names[:3])
        if len(names) <= 3:
            return first
        return gettext("{names} and {count} more").format(names=first, count=len(names) - 3)

    @display(description=_("Last used"))
    def used(self, token: PersonalToken) -> str:
        return moment(token.last_used_at)

    @display(description=_("Expires"))
    def expires(self, token: PersonalToken) -> str:
        return moment(token.expires_at)

    @display(description=_("Revoked"))
    def revoked(self, token: PersonalToken) -> str:
        return moment(token.revoked_at)

    @act("create:user:token", _("New token"), own=True, icon="add", url_path="new")
    def new(self, request: HttpRequest) -> HttpResponse:
        """A token for one's own scripts, shown this once."""
        return never_cache(self._new)(request)

    def _new(self, request: HttpRequest) -> HttpResponse:
        person: Any = request.user
        form = NewTokenForm(request.POST or None, offered=offered(person))
        shown: dict[str, Any] = {}
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            shown["token"], shown["text"] = PersonalToken.create(
                person, given["name"], given["permissions"] or None, timedelta(days=given["days"])
            )
        return self.page(
            request,
            "admin/new_token.html",
            gettext("New token"),
            form=form,
            groups=offered_in_words(person),
            chosen=form["permissions"].value() or [],
            list=reverse("admin:accounts_personaltoken_changelist"),
            **shown,
        )

    @act("delete:user:token", _("Revoke"), own=True)
    def revoke(self, request: HttpRequest, queryset: QuerySet[PersonalToken]) -> None:
        self.end_each(request, queryset)

    @act("delete:user:token", _("Revoke"), own=True, icon="block", permissions=["revoke_this"])
    def revoke_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks first; POST revokes it."""
        token = self.found(request, object_id)
        page = reverse("admin:accounts_personaltoken_change", args=[token.pk])
        if request.method == "POST":
            self.end_each(request, self.get_queryset(request).filter(pk=token.pk))
            return HttpResponseRedirect(page)
        title = gettext("Revoke {name}?").format(name=token.name)
        return self.page(request, "admin/revoke_token.html", title, token, page=page)

    def has_revoke_this_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        token = self.get_object(request, str(object_id)) if object_id else None
        return bool(token and token.living)

    def end_one(self, record: Any) -> bool:
        return bool(record.revoke())
