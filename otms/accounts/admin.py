"""People, and how they log in. Platforms are made by the operator, not here."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.timezone import now
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from unfold.decorators import display
from unfold.forms import (
    AdminPasswordChangeForm,
    UnfoldReadOnlyPasswordHashWidget,
    UserChangeForm,
    UserCreationForm,
)
from unfold.widgets import UnfoldAdminSelectWidget

from otms.accounts import audit, browser, lockout, passwords
from otms.accounts import audit_admin as audit_admin
from otms.accounts.asking import act, allowed
from otms.accounts.login_admin import PersonalTokenAdmin, SessionAdmin
from otms.accounts.models import LastOwner, SecondFactor, User
from otms.accounts.platform_admin import PlatformAdmin
from otms.accounts.roles import OWNER, ROLES
from otms.accounts.zone import moment

__all__ = ["PersonalTokenAdmin", "SessionAdmin", "UserAdmin"]

# A group is a role: the same for all platforms, and nobody edits it.
admin.site.unregister(Group)


# What is done for another, and what it takes beyond the page.
HELPS = {"end": "delete:user:session", "remove": "delete:user:secondFactor"}
WAY_IN = _(
    "Without one the person can't log in until a link to set the password was made for them."
)
HELP = {
    "username": _("What they log in with: letters, digits and @ . + - _"),
    "is_active": _("Who leaves is made inactive and can't log in; the history keeps the name."),
    "is_staff": _("May open these pages. Without it they use the API alone."),
    "is_superuser": _("Operates the deployment: may do everything, on every platform."),
    "user_permissions": _("Calls that this person may make beyond those of the role."),
}
LABELS = {
    "is_active": _("Active"),
    "is_staff": _("Opens the admin"),
    "is_superuser": _("Operator"),
}
NO_ROLE = _("none: may log in, and nothing else")


class RoleForm(forms.ModelForm):
    """A person's one role, among those that whoever fills in the form may give."""

    giver: User
    role = forms.ChoiceField(label=_("Role"), required=False, widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        given = [
            (each.name, f"{each.name}: {gettext(each.about)}")
            for each in self.giver.assignable_roles()
        ]
        self.fields["role"].choices = [("", NO_ROLE), *given]  # type: ignore[attr-defined]
        self.initial.setdefault("role", self.instance.role)

    def clean(self) -> Any:
        given = super().clean()
        typed = self.cleaned_data
        if self.instance == self.giver and typed.get("role", "") != self.instance.role:
            self.add_error("role", gettext("Nobody changes their own role: another owner does."))
        leaves = not typed.get("is_active", True) or typed.get("role") != OWNER.name
        if not self.instance._state.adding and leaves and self.instance.is_last_owner():
            self.add_error(
                "role" if typed.get("is_active", True) else "is_active", str(LastOwner())
            )
        return given


class KeptPassword(UnfoldReadOnlyPasswordHashWidget):
    """Whether there is a password, and nothing of its hash."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        is_set = bool(value) and is_password_usable(value)
        words = (
            _("A password is set; nobody can read it.") if is_set else _("No password is set yet.")
        )
        return {**context, "summary": [{"label": words}]}


class PersonForm(RoleForm, UserChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "password" in self.fields:
            self.fields["password"].widget = KeptPassword()


class NewPersonForm(RoleForm, UserCreationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        way = self.fields["usable_password"]
        way.label, way.help_text = _("Password"), WAY_IN
        way.choices = way.widget.choices = [  # type: ignore[attr-defined]
            ("true", _("typed here")),
            ("false", _("none yet")),
        ]


class RoleFilter(admin.SimpleListFilter):
    title = _("role")
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((role.name, role.name) for role in ROLES), ("none", pgettext("role", "none"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "none":
            return queryset.exclude(groups__name__in=[role.name for role in ROLES])
        return queryset.filter(groups__name=self.value()) if self.value() else queryset


@admin.register(User)
class UserAdmin(PlatformAdmin, DjangoUserAdmin):  # type: ignore[misc]
    """The people of the own platform; who leaves is made inactive, so that history keeps names."""

    noun = "user"
    verbs = {"view": "get", "add": "create", "change": "update"}
    form = PersonForm
    add_form = NewPersonForm
    add_fieldsets = (
        (None, {"fields": ("username", "email", ("first_name", "last_name"))}),
        (pgettext_lazy("verb", "May"), {"fields": ("role", "is_staff")}),
        (_("Logs in"), {"fields": ("usable_password", "password1", "password2")}),
    )
    change_password_form = AdminPasswordChangeForm
    keeps_trail = True
    list_display = (
        "username",
        "full_name",
        "email",
        "role",
        "is_active",
        "is_staff",
        "factor",
        "last_seen",
    )
    list_filter = (RoleFilter, "is_active", "is_staff")
    ordering = ("username",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (pgettext_lazy("verb", "May"), {"fields": ("role", "is_active", "is_staff")}),
        (_("Dates"), {"fields": ("last_seen", "joined")}),
    )
    # What the operator of the deployment gives beyond the roles.
    operator_fieldset = (
        _("Beyond the role"),
        {"classes": ("collapse",), "fields": ("is_superuser", "user_permissions")},
    )
    readonly_fields = ("last_seen", "joined")
    filter_horizontal = ("user_permissions",)
    actions_detail = ("password_link", "login_safety")

    def get_queryset(self, request: HttpRequest) -> Any:
        found = super().get_queryset(request).prefetch_related("groups")
        return found.annotate(factor_since=F("second_factor__confirmed_at"))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        found = super().get_fieldsets(request, obj)
        return (*found, self.operator_fieldset) if obj and request.user.is_superuser else found

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.giver = request.user
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"is_staff": True}

    def changeform_view(self, *args: Any, **kwargs: Any) -> Any:
        with audit.one_act():  # the person, then the role
            return super().changeform_view(*args, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        form.instance.set_role(form.cleaned_data["role"])

    @display(description=_("Role"))
    def role(self, user: User) -> str:
        if user.is_superuser:
            return gettext("superuser")
        return user.role or pgettext("role", "none")

    @display(description=_("Second factor"), boolean=True)
    def factor(self, user: Any) -> bool:
        return user.factor_since is not None

    @display(description=_("Name"), ordering="last_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @display(description=_("Last login"), ordering="last_login")
    def last_seen(self, user: User) -> str:
        return moment(user.last_login)

    @display(description=_("Joined"))
    def joined(self, user: User) -> str:
        return moment(user.date_joined)

    def has_password_link_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        person = self.get_object(request, str(object_id)) if object_id else None
        return self.has_change_permission(request, person)

    @act("update:user", _("Link to set the password"), icon="key", permissions=["password_link"])
    def password_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Says what it is; POST makes one and shows it this once."""
        return never_cache(self._password_link)(request, object_id)

    def _password_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        person = self.found(request, object_id)
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        shown: dict[str, Any] = {}
        if request.method == "POST" and person.is_active:
            shown["link"] = passwords.link(person, passwords.public_url(request))
            shown["until"] = passwords.until()
        title = gettext("Link to set the password of {person}").format(person=person)
        return self.page(request, "admin/password_link.html", title, person, **shown)

    @act("update:user", _("Login"), icon="lock", permissions=["password_link"])
    def login_safety(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How this person logs in; POST unlocks, logs them out, or helps who lost the phone."""
        person = self.found(request, object_id)
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        if request.method == "POST":
            self._help(request, person, request.POST.get("step", ""))
            return HttpResponseRedirect(request.path)
        return self.page(
            request,
            "admin/login_safety.html",
            gettext("Login of {person}").format(person=person),
            person,
            factor=SecondFactor.of(person),
            locked_until=lockout.locked_until(person.get_username()),
            open=person.sessions.filter(ended_at=None, expires_at__gt=now()).count(),
            tokens=sum(each.living for each in person.tokens.all()),
            is_oneself=person == request.user,
        )

    def _help(self, request: HttpRequest, person: User, step: str) -> None:
        factor = SecondFactor.of(person)
        if step in HELPS and (person == request.user or not allowed(request, HELPS[step])):
            raise PermissionDenied
        if step == "unlock" and person.unlock():
            text = gettext("{person} may log in again.")
            messages.success(request, text.format(person=person))
        elif step == "end":
            person.end_sessions()
            text = gettext("{person} is logged out everywhere.")
            messages.success(request, text.format(person=person))
        elif step == "remove" and factor:
            factor.remove("delete:user:secondFactor")
            text = gettext("The second factor of {person} is off.")
            messages.success(request, text.format(person=person))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        answer = super().user_change_password(request, id, form_url)
        if answer.status_code == 302 and id == str(request.user.pk):
            browser.go_on(request)
        return answer

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> Any:
        if db_field.name == "user_permissions":
            return Permission.objects.using(db).order_by("codename")
        return super().get_field_queryset(db, db_field, request)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and db_field.name in HELP:
            field.help_text = HELP[db_field.name]
            field.label = LABELS.get(db_field.name, field.label)
        return field

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        if db_field.name == "user_permissions":
            field.label_from_instance = lambda permission: permission.codename
        return field

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may: bool = super().has_change_permission(request, obj)
        return may and (obj is None or request.user.may_change(obj))  # type: ignore[union-attr]
