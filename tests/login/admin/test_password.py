"""What a person changes of their own in the admin: the password, and tokens for scripts."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from otms.accounts.models import (
    PersonalToken,
    Platform,
    Session,
    User,
)
from tests.conftest import Api
from tests.login.admin.browsing import (
    NEW,
    entered,
    logged_in,
    text,
)
from tests.login.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("where", ["own", "user"])
def test_who_changes_the_own_password_stays_in_this_browser_alone(anna: User, where: str) -> None:
    other, client = logged_in(), logged_in()
    if where == "own":
        typed = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
        answer = client.post("/admin/password_change/", typed)
    else:
        typed = {"password1": NEW, "password2": NEW, "usable_password": "true"}
        page = reverse("admin:auth_user_password_change", args=[anna.pk])
        answer = client.post(page, typed)
    assert answer.status_code == 302, answer.context["form"].errors
    assert entered(client)
    assert not entered(other)
    living = Session.objects.of(anna.platform).filter(ended_at=None)
    assert living.count() == 1


def test_a_password_is_long_and_another(anna: User) -> None:
    client = logged_in()
    for new, told in (
        ("short word", ""),
        ("nine char", "at least 10 characters"),
        ("1234567890123", "entirely numeric"),
        ("password123456", ""),
        (PASSWORD, "This is the password there is"),
    ):
        typed = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
        answer = client.post("/admin/password_change/", typed)
        if told:
            assert answer.status_code == 200, new
            assert told in text(answer)
        if answer.status_code == 302:
            anna.refresh_from_db()
            anna.set_password(PASSWORD)
            anna.save()
            client = logged_in()


def test_a_token_is_made_in_the_admin_and_shown_once(anna: User, platform: Platform) -> None:
    client = logged_in()
    page = reverse("admin:accounts_personaltoken_new")
    assert page in client.get(reverse("admin:accounts_personaltoken_changelist")).content.decode()
    assert 'value="get:transportOrders"' in client.get(page).content.decode()
    for typed in ({}, {"name": "x", "days": "367"}, {"name": "x", "days": "1", "permissions": "y"}):
        client.post(page, typed)
    assert not PersonalToken.objects.of(platform).exists()
    typed = {"name": "script", "days": "7", "permissions": ["get:transportOrders"]}
    answer = client.post(page, typed)
    assert "no-store" in answer["Cache-Control"]
    (token,) = re.findall(r"otms_pat_[\w-]+", text(answer))
    Api(token).ok("GET", "transportOrders/0/1")
    Api(token).refused("GET", "businesses/0/1", code=403)
    listed = client.get(reverse("admin:accounts_personaltoken_changelist"))
    assert token not in listed.content.decode()
    assert "get:transportOrders" in text(listed)
    kept = PersonalToken.objects.of(platform).get()
    assert timedelta(days=6) < kept.expires_at - now() <= timedelta(days=7)  # type: ignore[operator]
