"""People and their tokens."""

from types import SimpleNamespace

from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from otms.accounts.models import PersonalToken, User
from tests.admin.conftest import Browser, staff


def test_a_new_person_belongs_to_the_own_platform(own: SimpleNamespace, browser: Browser) -> None:
    password = "a long and quiet word"
    browser.saved(
        reverse("admin:accounts_user_add"),
        username="new",
        usable_password="true",
        password1=password,
        password2=password,
    )
    made = User.objects.get(username="new")
    assert made.platform == own.platform
    assert made.check_password(password)


def test_a_password_is_changed(
    own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    person = staff(own.platform, username="forgetful")
    password = "a long and quiet word"
    typed = {"usable_password": "true", "password1": password, "password2": password}
    for each in (person, foreign.user):
        address = reverse("admin:auth_user_password_change", args=[each.pk])
        browser.client.post(address, typed)
        each.refresh_from_db()
    assert person.check_password(password)
    assert not foreign.user.check_password(password)


def test_the_own_password_is_changed(browser: Browser) -> None:
    assert browser.open(reverse("admin:password_change")).status_code == 200


def test_nobody_gives_more_than_they_have(own: SimpleNamespace) -> None:
    helper = staff(own.platform, username="helper")
    codes = ("view_user", "change_user")
    helper.user_permissions.set(Permission.objects.filter(codename__in=codes))
    address = reverse("admin:accounts_user_change", args=[helper.pk])
    Browser(helper).saved(address, is_superuser="on", first_name="Hel")
    helper.refresh_from_db()
    assert helper.first_name == "Hel"
    assert not helper.is_superuser


def test_a_token_is_revoked(
    own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    pks = [str(own.token.pk), str(foreign.token.pk)]
    browser.client.post(
        reverse("admin:accounts_personaltoken_changelist"),
        {"action": "revoke", "_selected_action": pks},
    )
    tokens = PersonalToken.objects.across_platforms()
    assert tokens.get(pk=own.token.pk).revoked_at
    assert tokens.get(pk=foreign.token.pk).revoked_at is None


def test_a_token_is_revoked_once(own: SimpleNamespace) -> None:
    token, text = PersonalToken.generate(own.user, "laptop")
    assert PersonalToken.valid(text) == token
    assert token.revoke()
    assert PersonalToken.valid(text) is None
    first = PersonalToken.objects.of(own.platform).get(pk=token.pk)
    assert not token.revoke()
    again = PersonalToken.objects.of(own.platform).get(pk=token.pk)
    assert (again.revoked_at, again.updated_at) == (first.revoked_at, first.updated_at)
    assert again.updated_at > token.updated_at


def test_a_superuser_is_not_taken_over(own: SimpleNamespace) -> None:
    """Who may change people may not thereby become more than they are."""
    chief = staff(own.platform, username="chief", is_superuser=True)
    clerk = User.objects.create_user("clerk", platform=own.platform, is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client = Client()
    client.force_login(clerk)
    password = "Taken0ver!!9"
    typed = {"usable_password": "true", "password1": password, "password2": password}
    address = reverse("admin:auth_user_password_change", args=[chief.pk])
    assert client.post(address, typed).status_code == 403
    chief.refresh_from_db()
    assert not chief.check_password(password)
