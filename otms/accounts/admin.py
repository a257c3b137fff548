"""People: how they log in, users and their tokens. Platforms are made by the operator, not here."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from unfold.decorators import action, display
from unfold.forms import (
    AdminPasswordChangeForm,
    AuthenticationForm,
    UserChangeForm,
    UserCreationForm,
)

from otms.accounts import passwords
from otms.accounts.lockout import Attempt, Locked
from otms.accounts.models import PersonalToken, User
from otms.accounts.platform_admin import FactAdmin, PlatformAdmin, moment
from otms.address import caller_address

# A group would be the same for all platforms.
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


@admin.register(User)
class UserAdmin(PlatformAdmin, DjangoUserAdmin):  # type: ignore[misc]
    """The people of the own platform; who leaves is made inactive, so that history keeps names."""

    form = UserChangeForm
    add_form = UserCreationForm
    add_fieldsets = DjangoUserAdmin.add_fieldsets
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "email", "is_active", "is_staff", "last_seen")
    list_filter = ("is_active", "is_staff")
    ordering = ("username",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("May", {"fields": ("is_active", "is_staff", "is_superuser", "user_permissions")}),
        ("Dates", {"fields": ("last_seen", "joined")}),
    )
    readonly_fields = ("last_seen", "joined")
    filter_horizontal = ("user_permissions",)
    actions_detail = ("password_link",)

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

    @action(description="Link to set the password", icon="key", permissions=["password_link"])
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

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may: bool = super().has_change_permission(request, obj)
        return may and (obj is None or request.user.may_change(obj))  # type: ignore[union-attr]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        # Whoever may edit people may not thereby give more than they have.
        return (
            fields if request.user.is_superuser else (*fields, "is_superuser", "user_permissions")
        )


@admin.register(PersonalToken)
class PersonalTokenAdmin(FactAdmin):
    """Tokens of people for their own scripts: seen here, never readable; revoked here."""

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

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_personaltoken")

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[PersonalToken]) -> None:
        tokens = list(queryset)
        people = {token.user for token in tokens}
        may = {each: request.user.may_change(each) for each in people}  # type: ignore[union-attr]
        count = sum(token.revoke() for token in tokens if may[token.user])
        text = f"{count} revoked; they are refused from now on."
        if left := sum(not may[token.user] for token in tokens):
            text += f" {left} left as they are: their people may do more than you."
        self.message_user(request, text, messages.WARNING if left else messages.SUCCESS)
