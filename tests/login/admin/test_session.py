"""A login of the admin is a session like any other, and ends as one."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from otms.accounts.models import (
    Platform,
    Session,
    User,
)
from tests import make
from tests.conftest import Api
from tests.login.admin.browsing import INDEX, NEW, entered, logged_in, newest, password, text
from tests.login.conftest import PASSWORD, attempt

pytestmark = pytest.mark.django_db


def test_a_login_of_the_admin_is_a_session_like_any_other(anna: User) -> None:
    client = Client(headers={"User-Agent": "Firefox on a desk"})
    password(client)
    session = newest(anna)
    assert (session.kind, session.ip, session.device) == ("admin", "127.0.0.1", "Firefox on a desk")
    assert timedelta(hours=11) < session.expires_at - now() <= timedelta(hours=12)
    boss = Api(make.token(anna))
    (row,) = boss.ok("GET", f"user/{anna.pk}/sessions/0/10")["sessions"]
    assert (row["id"], row["kind"]) == (str(session.pk), "admin")
    client.post("/admin/logout/")
    session.refresh_from_db()
    assert session.ended_at


@pytest.mark.parametrize("way", ["api", "admin", "password", "block", "time", "all"])
def test_what_ends_the_session_ends_the_cookie(anna: User, way: str, platform: Platform) -> None:
    client = logged_in()
    session = newest(anna)
    boss = make.UserFactory(platform=platform, is_staff=True, is_superuser=True)
    office = Client()
    office.force_login(boss)
    match way:
        case "api":
            Api(make.token(anna)).ok("DELETE", f"user/session/{session.pk}")
        case "admin":
            picked = {"action": "log_out", "_selected_action": [str(session.pk)]}
            office.post(reverse("admin:accounts_session_changelist"), picked)
        case "password":
            anna.set_password(NEW)
            anna.save()
        case "block":
            Api(make.token(boss)).ok("POST", f"user/block/{anna.pk}")
        case "time":
            Session.objects.of(platform).filter(pk=session.pk).update(expires_at=now())
        case "all":
            page = reverse("admin:accounts_user_login_safety", args=[anna.pk])
            assert "1 open session" in text(office.get(page))
            office.post(page, {"step": "end"})
    assert not entered(client)
    assert entered(office)


def test_no_cookie_of_the_admin_is_bound_to_a_token_of_the_api(anna: User) -> None:
    client = logged_in()
    of_api = make.session(user=anna)
    session = client.session
    session["otms_session"] = str(of_api.pk)
    session.save()
    assert not entered(client)


def test_people_see_and_end_where_they_are_logged_in(anna: User, platform: Platform) -> None:
    logged_in()
    helper = make.UserFactory(platform=platform, username="helper", is_staff=True, role="")
    desk, phone = Client(), Client(headers={"User-Agent": "a phone"})
    desk.force_login(helper)
    phone.force_login(helper)
    page = reverse("admin:accounts_session_changelist")
    shown = text(desk.get(page))
    assert "helper" in shown
    assert "anna" not in shown
    assert (
        desk.get(reverse("admin:accounts_session_change", args=[newest(anna).pk])).status_code
        == 404
    )
    picked = [str(newest(anna).pk), str(newest(helper).pk)]
    desk.post(page, {"action": "log_out", "_selected_action": picked})
    assert not entered(phone)
    assert entered(desk)
    assert newest(anna).ended_at is None
    assert page in desk.get(INDEX).content.decode()


def test_who_has_no_access_to_the_admin_is_told_so_and_nobody_else_is(anna: User) -> None:
    anna.is_staff = False
    anna.save()
    told = "This account has no access to the admin"
    for name, secret in (("anna", "wrong"), ("nobody", PASSWORD)):
        assert told not in text(password(Client(), name, secret))
    for _ in range(12):  # that is no failure, and closes nothing
        client = Client()
        assert told in text(password(client))
        assert not entered(client)
    assert attempt("anna", PASSWORD).status_code == 200
