"""People: how they log in, users and their tokens. Platforms are made by the operator, not here."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from unfold.decorators import display
from unfold.forms import (
    AdminPasswordChangeForm,
    AuthenticationForm,
    UserChangeForm,
    UserCreationForm,
)
from unfold.widgets import UnfoldAdminSelectWidget

from otms.accounts import passwords
from otms.accounts.lockout import Attempt, Locked
from otms.accounts.models import LastOwner, PersonalToken, User
from otms.accounts.platform_admin import FactAdmin, PlatformAdmin, act, moment
from otms.accounts.roles import OWNER, ROLES
from otms.address import caller_address

# A group is a role: the same for all platforms, and nobody edits it.
admin.site.unregister(Group)


class LoginForm(AuthenticationForm):
    """Name and password, counted together with the API's logins."""

    wait = 0

    def clean(self) -> Any:
        username = self.cleaned_data.get("username") or ""
        try:
            attempt = Attempt.to_log_in(username, caller_address(self.request))
            try:
                given = super().clean()
            except ValidationError:
                attempt.wrong()
                raise
            attempt.right()
        except Locked as locked:
            self.wait = locked.wait
            raise ValidationError(str(locked.detail)) from None
        return given


def login(request: HttpRequest) -> HttpResponse:
    """The admin's own login page, which says with its status too that it is not the time."""
    answer = admin.site.login(request)
    form = getattr(answer, "context_data", {}).get("form")
    if isinstance(form, LoginForm) and form.wait:
        answer.status_code = 429
        answer["Retry-After"] = str(form.wait)
    return answer


admin.site.login_form = LoginForm


NO_ROLE = "none: may log in, and nothing else"


class RoleForm(forms.ModelForm):
    """A person's one role, among those that whoever fills in the form may give."""

    giver: User
    role = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        given = [
            (each.name, f"{each.name}: {each.about}") for each in self.giver.assignable_roles()
        ]
        self.fields["role"].choices = [("", NO_ROLE), *given]  # type: ignore[attr-defined]
        self.initial.setdefault("role", self.instance.role)

    def clean(self) -> Any:
        given = super().clean()
        typed = self.cleaned_data
        leaves = not typed.get("is_active", True) or typed.get("role") != OWNER.name
        if not self.instance._state.adding and leaves and self.instance.is_last_owner():
            self.add_error(
                "role" if typed.get("is_active", True) else "is_active", str(LastOwner())
            )
        return given


class PersonForm(RoleForm, UserChangeForm):
    pass


class NewPersonForm(RoleForm, UserCreationForm):
    pass


class RoleFilter(admin.SimpleListFilter):
    title = "role"
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((role.name, role.name) for role in ROLES), ("none", "none")]

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
        ("May", {"fields": ("role", "is_staff")}),
        ("Logs in", {"fields": ("usable_password", "password1", "password2")}),
    )
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "email", "role", "is_active", "is_staff", "last_seen")
    list_filter = (RoleFilter, "is_active", "is_staff")
    ordering = ("username",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("May", {"fields": ("role", "is_active", "is_staff")}),
        ("Dates", {"fields": ("last_seen", "joined")}),
    )
    # What the operator of the deployment gives beyond the roles.
    operator_fieldset = (
        "Beyond the role",
        {"classes": ("collapse",), "fields": ("is_superuser", "user_permissions")},
    )
    readonly_fields = ("last_seen", "joined")
    filter_horizontal = ("user_permissions",)
    actions_detail = ("password_link",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

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

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        form.instance.set_role(form.cleaned_data["role"])

    @display(description="Role")
    def role(self, user: User) -> str:
        return "superuser" if user.is_superuser else user.role or "none"

    @display(description="Name", ordering="last_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @display(description="Last login", ordering="last_login")
    def last_seen(self, user: User) -> str:
        return moment(user.last_login)

    @display(description="Joined")
    def joined(self, user: User) -> str:
        return moment(user.date_joined)

    def has_password_link_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        person = self.get_object(request, str(object_id)) if object_id else None
        return self.has_change_permission(request, person)

    @act("update:user", "Link to set the password", icon="key", permissions=["password_link"])
    def password_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Says what it is; POST makes one and shows it this once."""
        return never_cache(self._password_link)(request, object_id)

    def _password_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        person = self.get_object(request, object_id)
        if person is None:
            raise Http404
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": person,
            "title": f"Link to set the password of {person}",
        }
        if request.method == "POST" and person.is_active:
            context["link"] = passwords.link(person, passwords.public_url(request))
            context["until"] = passwords.until()
            self.log_change(request, person, "Made a link to set the password.")
        return TemplateResponse(request, "admin/password_link.html", context)

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> Any:
        if db_field.name == "user_permissions":  # each says its content type
            return Permission.objects.using(db).select_related("content_type")
        return super().get_field_queryset(db, db_field, request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may: bool = super().has_change_permission(request, obj)
        return may and (obj is None or request.user.may_change(obj))  # type: ignore[union-attr]


@admin.register(PersonalToken)
class PersonalTokenAdmin(FactAdmin):
    """Tokens of people for their own scripts: seen here, never readable; revoked here."""

    noun = "personalToken"
    list_display = ("name", "user", "state", "created", "expires", "revoked")
    list_select_related = ("user",)
    list_filter = ("user",)
    search_fields = ("name", "user__username")
    fields = ("name", "user", "state", "created", "expires", "revoked")
    readonly_fields = fields
    ordering = ("-created_at",)
    actions = ("revoke",)

    @display(description="State", label={"valid": "success", "revoked": "danger"})
    def state(self, token: PersonalToken) -> str:
        if token.revoked_at:
            return "revoked"
        return "expired" if token.expires_at and token.expires_at <= now() else "valid"

    @display(description="Expires")
    def expires(self, token: PersonalToken) -> str:
        return moment(token.expires_at)

    @display(description="Revoked")
    def revoked(self, token: PersonalToken) -> str:
        return moment(token.revoked_at)

    @act("revoke:personalToken", "Revoke")
    def revoke(self, request: HttpRequest, queryset: QuerySet[PersonalToken]) -> None:
        tokens = list(queryset)
        people = {token.user for token in tokens}
        may = {each: request.user.may_change(each) for each in people}  # type: ignore[union-attr]
        count = sum(token.revoke() for token in tokens if may[token.user])
        text = f"{count} revoked; they are refused from now on."
        if left := sum(not may[token.user] for token in tokens):
            text += f" {left} left as they are: their people may do more than you."
        self.message_user(request, text, messages.WARNING if left else messages.SUCCESS)
