"""Setting a password by a link that works once: for who is invited, and who forgot theirs."""

import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.forms import PasswordResetForm, SetPasswordForm
from django.contrib.auth.hashers import check_password
from django.contrib.auth.tokens import default_token_generator
from django.contrib.auth.views import (
    PasswordResetCompleteView,
    PasswordResetConfirmView,
    PasswordResetDoneView,
    PasswordResetView,
)
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.mail import EmailMessage
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.timezone import now
from django.utils.translation import gettext
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminPasswordWidget

from otms.accounts import audit
from otms.accounts.lockout import Attempt, Locked, in_words
from otms.accounts.models import User
from otms.accounts.notices import MAILER
from otms.address import caller_address, home

log = logging.getLogger(__name__)

HERE = ("localhost", "[::1]")  # names that every machine has for itself: no link leads there


def link(person: User, base: str) -> str:
    """Whoever opens it sets this person's password; it dies with the password that was."""
    audit.record("create:user:passwordLink", person, note="A link that sets the password, once.")
    token = default_token_generator.make_token(person)
    uid = urlsafe_base64_encode(force_bytes(person.pk))
    return base + reverse("password_reset_confirm", kwargs={"uidb64": uid, "token": token})


def until() -> datetime:
    """How long a link that is made now works."""
    return now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)


def sends_mail() -> bool:
    return bool(settings.EMAIL_HOST)


def public_url(request: HttpRequest | None = None) -> str:
    """Where people find this server: what the operator says, else how it was just called."""
    if settings.OTMS_PUBLIC_URL:
        return str(settings.OTMS_PUBLIC_URL).rstrip("/")
    if request is not None:
        return request.build_absolute_uri("/").rstrip("/")
    if settings.EMBEDDED and _listens().exists():
        return _listens().read_text(encoding="utf-8").strip()
    host = next(iter(settings.ALLOWED_HOSTS), "*")
    if host.startswith(("*", ".")) or home(host).startswith("127.") or host in HERE:
        raise ImproperlyConfigured(
            "Set OTMS_PUBLIC_URL to where people find this server: https://otms.example.com"
        )
    return f"http{'s' if settings.HTTPS else ''}://{host}"


def _listens() -> Path:
    return Path(settings.VAR) / "listens-at"


def listens_at(url: str) -> None:
    """The embedded server says where it is found, for the commands beside it."""
    _listens().write_text(f"{url}\n", encoding="utf-8")


def is_named(request: HttpRequest) -> bool:
    """Was it called by a name that the operator wrote down, and not by any that a `*` allows?"""
    return split_domain_port(request.get_host())[0] in map(str.lower, settings.ALLOWED_HOSTS)


def send(person: User, base: str, template: str) -> None:
    """Mail a link to its person; the first line of the template is the subject."""
    context = {"person": person, "link": link(person, base), "until": until(), "base": base}
    subject, _, body = render_to_string(template, context).partition("\n")
    EmailMessage(subject, body.strip() + "\n", to=[person.email]).send()


class AnotherPassword:
    """A validator: a new password is not the one that was."""

    def validate(self, password: str, user: Any = None) -> None:
        if user is not None and user.password and check_password(password, user.password):
            text = gettext("This is the password there is; choose another.")
            raise ValidationError(text, "not_new")

    def get_help_text(self) -> str:
        return gettext("It cannot be the password you have.")


class AskForLink(PasswordResetForm):
    """An address; whoever has an account with it, and a password, gets a link."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = gettext("E-mail address")
        self.fields["email"].widget = UnfoldAdminEmailInputWidget(
            {"autocomplete": "email", "autofocus": ""}
        )

    def save(self, *args: Any, request: HttpRequest | None = None, **kwargs: Any) -> None:
        MAILER.submit(self._mail, self.cleaned_data["email"], request)

    def _mail(self, email: str, request: HttpRequest | None) -> None:
        try:
            # Anybody asks for anybody: no mail leads to where only the one who asks says we are.
            base = public_url(request if request and is_named(request) else None)
            for person in self.get_users(email):
                send(person, base, "mail/password_reset.txt")
        except Exception:
            log.exception("a link could not be mailed")
        finally:
            connections.close_all()


class SetPassword(SetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("new_password1", "new_password2"):
            self.fields[name].widget = UnfoldAdminPasswordWidget({"autocomplete": "new-password"})


class _Page:
    """Looks like the admin's login."""

    request: HttpRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        title = context.get("title")
        return {
            **context,
            **admin.site.each_context(self.request),
            "title": title,
            "sends_mail": sends_mail(),
        }


class Ask(_Page, PasswordResetView):
    form_class = AskForLink

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not sends_mail():
            return self.get(request)
        try:
            Attempt.for_link(caller_address(request)).wrong()
        except Locked as locked:
            return self._too_many(locked.wait)
        return super().post(request, *args, **kwargs)

    def _too_many(self, wait: int) -> HttpResponse:
        form = self.get_form()
        text = gettext("Too many of these came from your address. Try again in {time}.")
        form.add_error(None, text.format(time=in_words(wait)))
        answer = self.render_to_response(self.get_context_data(form=form), status=429)
        answer["Retry-After"] = str(wait)
        return answer


class Asked(_Page, PasswordResetDoneView):
    pass


class Confirm(_Page, PasswordResetConfirmView):
    form_class = SetPassword


class Done(_Page, PasswordResetCompleteView):
    pass


urlpatterns = [
    path("password_reset/", Ask.as_view(), name="admin_password_reset"),
    path("password_reset/done/", Asked.as_view(), name="password_reset_done"),
    path("reset/<uidb64>/<token>/", Confirm.as_view(), name="password_reset_confirm"),
    path("reset/done/", Done.as_view(), name="password_reset_complete"),
]
