"""The admin's way in, in two steps, and the page on which people turn the second on and off."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import segno
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME, login
from django.contrib.auth.views import RedirectURLMixin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.timezone import now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from otms.accounts import browser, proof
from otms.accounts.lockout import Attempt, Locked
from otms.accounts.models import SecondFactor, Session, User
from otms.accounts.second_factor import AlreadyOn
from otms.address import caller_address

HALF = "otms_half"  # in a browser's session: who showed the password, and has to show a code
BEGUN = "otms_begun"  # which second factor was begun in this browser
NONE = UUID(int=0)
BACKEND = "django.contrib.auth.backends.ModelBackend"
NOT_STAFF = "not_staff"
WRONG_CODE = _("The code is wrong or was used before. An app shows a new one every 30 seconds.")


class LoginForm(AuthenticationForm):
    """Name and password, counted together with the API's logins."""

    wait = 0
    half: User | None = None

    def clean(self) -> Any:
        username = self.cleaned_data.get("username") or ""
        try:
            attempt = Attempt.to_log_in(username, caller_address(self.request))
            try:
                given = super().clean()
            except ValidationError as error:
                if error.code == NOT_STAFF:
                    attempt.right()
                else:
                    attempt.wrong()
                raise
            attempt.right()
        except Locked as locked:
            self.wait = locked.wait
            raise ValidationError(str(locked.detail)) from None
        person = self.get_user()
        if person and SecondFactor.of(person):
            self.half = person
            raise ValidationError(gettext("The code comes next."))
        return given

    def confirm_login_allowed(self, user: Any) -> None:
        """Only who showed the right password is told that it is no use here."""
        if user.is_active and not user.is_staff:
            text = gettext(
                "This account has no access to the admin, only to the API. An owner gives it: "
                '"Opens the admin" on the page of the account.'
            )
            raise ValidationError(text, NOT_STAFF)
        super().confirm_login_allowed(user)


admin.site.login_form = LoginForm


def log_in(request: HttpRequest) -> HttpResponse:
    """The admin's own login page, which says with its status too that it is not the time."""
    answer = admin.site.login(request)
    form = getattr(answer, "context_data", {}).get("form")
    if isinstance(form, LoginForm) and form.half:
        request.session[HALF] = {
            "person": str(form.half.pk),
            "password": form.half.get_session_auth_hash(),
            "until": (now() + Session.CODE_LIFETIME).timestamp(),
        }
        wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME, "")
        query = f"?{urlencode({REDIRECT_FIELD_NAME: wanted})}" if wanted else ""
        return HttpResponseRedirect(reverse("login_code") + query)
    if isinstance(form, LoginForm) and form.wait:
        answer.status_code = 429
        answer["Retry-After"] = str(form.wait)
    return answer


def _half(request: HttpRequest) -> User | None:
    """Who showed the password in this browser a moment ago, while it is still the password."""
    kept = request.session.get(HALF)
    if not kept or kept["until"] < now().timestamp():
        return None
    person = User.objects.filter(pk=kept["person"], is_active=True, is_staff=True).first()
    same = person and constant_time_compare(kept["password"], person.get_session_auth_hash())
    return person if same else None


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=40,
        label=_("Code"),
        help_text=_("The six digits that your app shows, or a recovery code."),
        widget=UnfoldAdminTextInputWidget(
            {"autocomplete": "one-time-code", "autofocus": "", "spellcheck": "false"}
        ),
    )


class FirstCodeForm(CodeForm):
    """Recovery codes come after it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = _("The six digits that your app shows.")


class PasswordForm(forms.Form):
    password = forms.CharField(
        max_length=4096,
        strip=False,
        label=_("Password"),
        widget=UnfoldAdminPasswordWidget({"autocomplete": "current-password"}),
    )


class ProofForm(PasswordForm, CodeForm):
    field_order = ("password", "code")


@method_decorator([sensitive_post_parameters(), csrf_protect, never_cache], name="dispatch")
class Code(RedirectURLMixin, FormView):
    """The second step: nobody is logged in before it."""

    form_class = CodeForm
    template_name = "admin/login_code.html"
    next_page = "admin:index"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        person = _half(request)
        if person is None:
            request.session.pop(HALF, None)
            return HttpResponseRedirect(reverse("admin:login"))
        self.person = person
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: CodeForm) -> HttpResponse:
        try:
            address = caller_address(self.request)
            right = proof.shows(self.person, address, code=form.cleaned_data["code"])
        except Locked as locked:
            form.add_error(None, str(locked.detail))
            answer = self.render_to_response(self.get_context_data(form=form), status=429)
            answer["Retry-After"] = str(locked.wait)
            return answer
        if not right:
            form.add_error("code", WRONG_CODE)
            return self.form_invalid(form)
        del self.request.session[HALF]
        login(self.request, self.person, backend=BACKEND)
        self.request.login.passes()  # type: ignore[attr-defined]
        return HttpResponseRedirect(self.get_success_url())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        return {
            **admin.site.each_context(self.request),
            **context,
            "title": gettext("Enter the code"),
        }


Step = Callable[["SecondFactorPage"], HttpResponse]


class SecondFactorPage:
    """A person's own second factor: turn it on, get new recovery codes, turn it off."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.person: User = User.objects.get(pk=str(request.user.pk))
        self.factor = SecondFactor.of(self.person)
        self.form: Any = None
        self.status = 200
        self.wait = 0

    def answer(self) -> HttpResponse:
        steps: dict[str, Step] = {
            "begin": SecondFactorPage.begin,
            "confirm": SecondFactorPage.confirm,
            "renew": SecondFactorPage.renew,
            "remove": SecondFactorPage.remove,
        }
        step = steps.get(self.request.POST.get("step", ""))
        shown = step(self) if self.request.method == "POST" and step else self.page()
        if self.wait:
            shown.status_code = 429
            shown["Retry-After"] = str(self.wait)
        return shown

    def begin(self) -> HttpResponse:
        if not self.proven(PasswordForm):
            return self.page()
        try:
            begun = SecondFactor.begin(self.person)
        except AlreadyOn:
            return HttpResponseRedirect(self.request.path)
        self.request.session[BEGUN] = str(begun.pk)
        return self.scan(begun, FirstCodeForm())

    def confirm(self) -> HttpResponse:
        mine = SecondFactor.objects.of(self.person.platform).filter(user=self.person)
        begun = mine.filter(pk=self.request.session.get(BEGUN, NONE), confirmed_at=None).first()
        if begun is None:
            return HttpResponseRedirect(self.request.path)
        form = FirstCodeForm(self.request.POST)
        login: Session = self.request.login  # type: ignore[attr-defined]
        codes = login.turns_on(begun, form.cleaned_data["code"]) if form.is_valid() else None
        if codes is None:
            if form.is_valid():
                form.add_error("code", WRONG_CODE)
            return self.scan(begun, form)
        del self.request.session[BEGUN]
        return self.codes(codes)

    def renew(self) -> HttpResponse:
        if self.factor is None or not self.proven(ProofForm):
            return self.page()
        return self.codes(self.factor.renew_recovery_codes())

    def remove(self) -> HttpResponse:
        if self.factor is None or not self.proven(ProofForm):
            return self.page()
        self.factor.remove("remove:user:secondFactor")
        text = gettext("The second factor is off: the password alone lets you in.")
        messages.success(self.request, text)
        return HttpResponseRedirect(self.request.path)

    def proven(self, form_class: type[PasswordForm]) -> bool:
        """Did they show anew who they are? Else the form says what was wrong."""
        self.form = form_class(self.request.POST)
        if not self.form.is_valid():
            return False
        try:
            right = proof.shows(self.person, caller_address(self.request), **self.form.cleaned_data)
        except Locked as locked:
            self.wait = locked.wait
            self.form.add_error(None, str(locked.detail))
            return False
        if not right:
            text = _("The password or the code is wrong.")
            if form_class is PasswordForm:
                text = _("The password is wrong.")
            self.form.add_error(None, text)
        return right

    def page(self) -> HttpResponse:
        form = self.form or (ProofForm() if self.factor else PasswordForm())
        wanted = settings.OTMS_REQUIRE_SECOND_FACTOR == "staff"
        return self.shown(form=form, factor=self.factor, wanted=wanted)

    def scan(self, begun: SecondFactor, form: CodeForm) -> HttpResponse:
        picture = segno.make(begun.uri, error="m", micro=False)
        qr = picture.svg_inline(scale=5, border=4, dark="#000", light="#fff")
        secret = begun.secret
        in_fours = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        return self.shown(form=form, qr=qr, secret=in_fours)

    def codes(self, codes: list[str]) -> HttpResponse:
        return self.shown(codes=codes)

    def shown(self, **context: Any) -> HttpResponse:
        everywhere = admin.site.each_context(self.request)
        context = {**everywhere, "title": gettext("Second factor"), **context}
        return TemplateResponse(self.request, "admin/second_factor.html", context)


@sensitive_post_parameters()
@never_cache
def second_factor(request: HttpRequest) -> HttpResponse:
    return SecondFactorPage(request).answer()


def change_password(request: HttpRequest) -> HttpResponse:
    """The admin's page for the own password, after which this browser stays logged in."""
    answer = admin.site.password_change(request)
    if answer.status_code == 302:
        browser.go_on(request)
    return answer


urlpatterns = [
    path("login/", log_in),
    path("login/code/", Code.as_view(), name="login_code"),
    path("second-factor/", admin.site.admin_view(second_factor), name="second_factor"),
    path("password_change/", admin.site.admin_view(change_password)),
]
