"""The admin is closed to whoever showed half, and open where its person is logged in."""

import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from otms.accounts import passwords
from otms.accounts.models import (
    AuditEntry,
    FailedTries,
    PersonalToken,
    Platform,
    SecondFactor,
    Session,
    User,
)
from otms.accounts.second_factor import RECOVERY_CODES
from tests import make
from tests.conftest import Api
from tests.login.conftest import PASSWORD, Clock, attempt

pytestmark = pytest.mark.django_db
LOGIN, CODE, OWN = "/admin/login/", "/admin/login/code/", "/admin/second-factor/"
INDEX, QUEUE = "/admin/", "/admin/integrations/integrationobject/"
NEW = "quite another word"


@pytest.fixture
def anna(anna: User) -> User:
    anna.is_staff = True
    anna.save()
    return anna


def text(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def password(client: Client, name: str = "anna", secret: str = PASSWORD, to: str = INDEX) -> Any:
    return client.post(f"{LOGIN}?next={to}", {"username": name, "password": secret})


def entered(client: Client) -> bool:
    return client.get(INDEX).status_code == 200


def logged_in(factor: SecondFactor | None = None, clock: Clock | None = None) -> Client:
    client = Client()
    answer = password(client)
    if factor and clock:
        client.post(answer["Location"], {"code": clock.next_code(factor)})
    assert entered(client)
    return client


def newest(person: User) -> Any:
    return Session.objects.of(person.platform).filter(user=person).latest("started_at")


def test_the_code_comes_before_the_admin(factor: SecondFactor, anna: User, clock: Clock) -> None:
    client = Client()
    answer = password(client, to=QUEUE)
    assert (answer.status_code, answer["Location"]) == (
        302,
        f"{CODE}?next=%2Fadmin%2Fintegrations%2Fintegrationobject%2F",
    )
    assert "six digits" in text(client.get(answer["Location"]))
    assert not Session.objects.of(anna.platform).exists()
    wrong = client.post(answer["Location"], {"code": "000000"})
    assert "The code is wrong or was used before" in text(wrong)
    assert not entered(client)
    right = client.post(answer["Location"], {"code": clock.next_code(factor)})
    assert (right.status_code, right["Location"]) == (302, QUEUE)
    assert client.get(QUEUE).status_code == 200
    session = newest(anna)
    assert (session.kind, session.passed_two_factor_authentication) == ("admin", True)
    assert not session.awaits_code
    again = Client()
    password(again)
    assert "wrong" in text(again.post(CODE, {"code": clock.code(factor)}))  # used


def test_no_address_leads_around_the_code(factor: SecondFactor, anna: User) -> None:
    client = Client()
    password(client)
    pages = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    ]
    own = [INDEX, OWN, "/admin/password_change/", "/admin/jsi18n/", "/admin/autocomplete/"]
    own += [
        "/admin/accounts/personaltoken/new/",
        reverse("admin:accounts_user_login_safety", args=[anna.pk]),
    ]
    for page in (*pages, *own):
        for answer in (
            client.get(page),
            client.post(page, {"step": "begin", "password": PASSWORD}),
        ):
            assert answer.status_code == 302, page
            assert answer["Location"].startswith(LOGIN), page


def test_whatever_else_logs_a_browser_in_awaits_the_code(factor: SecondFactor, anna: User) -> None:
    client = Client()
    client.force_login(anna)
    assert newest(anna).awaits_code
    assert not entered(client)
    assert "_auth_user_id" not in client.session


def test_a_new_password_by_mail_does_not_spare_the_code(
    factor: SecondFactor, anna: User, clock: Clock
) -> None:
    client = Client()
    page = client.get(passwords.link(anna, ""), follow=True).request["PATH_INFO"]
    typed = {"new_password1": NEW, "new_password2": NEW}
    assert client.post(page, typed).status_code == 302
    assert not entered(client)
    assert password(client, secret=NEW)["Location"].startswith(CODE)
    assert not entered(client)
    client.post(CODE, {"code": clock.next_code(factor)})
    assert entered(client)


def test_the_second_step_does_not_wait_for_ever(
    factor: SecondFactor, anna: User, clock: Clock
) -> None:
    late, changed, gone = Client(), Client(), Client()
    for client in (late, changed, gone):
        password(client)
    session = late.session
    session["otms_half"] = {**session["otms_half"], "until": now().timestamp() - 1}
    session.save()
    code = clock.next_code(factor)
    assert late.post(CODE, {"code": code})["Location"] == LOGIN
    anna.set_password(NEW)
    anna.save()
    assert changed.post(CODE, {"code": code})["Location"] == LOGIN
    password(gone, secret=NEW)
    User.objects.filter(pk=anna.pk).update(is_active=False)
    assert gone.post(CODE, {"code": code})["Location"] == LOGIN
    assert Client().get(CODE)["Location"] == LOGIN


def test_the_second_step_leads_to_no_other_server(
    factor: SecondFactor, anna: User, clock: Clock
) -> None:
    client = Client()
    password(client, to="https://evil.example/")
    answer = client.post(f"{CODE}?next=https://evil.example/", {"code": clock.next_code(factor)})
    assert answer["Location"] == INDEX


def test_guesses_at_the_code_count_with_those_of_the_api(
    factor: SecondFactor, anna: User, clock: Clock
) -> None:
    client = Client()
    password(client)
    for _ in range(5):
        assert client.post(CODE, {"code": "000000"}).status_code == 200
        assert attempt("anna", "wrong").status_code == 401
    answer = client.post(CODE, {"code": clock.next_code(factor)})
    assert answer.status_code == 429
    assert 890 < int(answer["Retry-After"]) <= 900
    assert "Too many failed logins" in text(answer)
    assert not entered(client)


def test_turning_it_on_takes_the_password_and_a_code(anna: User, clock: Clock) -> None:
    other, client = logged_in(), logged_in()
    assert "Off: the password alone lets you in" in text(client.get(OWN))
    assert "is wrong" in text(client.post(OWN, {"step": "begin", "password": "wrong"}))
    assert client.post(OWN, {"step": "confirm", "code": "000000"}).status_code == 302
    page = client.post(OWN, {"step": "begin", "password": PASSWORD})
    begun = SecondFactor.objects.of(anna.platform).get()
    assert "no-store" in page["Cache-Control"]
    assert begun.secret in text(page).replace(" ", "")
    (picture,) = re.findall(r"<svg.*?</svg>", page.content.decode(), re.DOTALL)
    assert "script" not in picture
    assert "style=" not in picture
    # Another browser of the same person has not shown the password for this secret.
    assert other.post(OWN, {"step": "confirm", "code": "000000"}).status_code == 302
    assert "is wrong" in text(client.post(OWN, {"step": "confirm", "code": "000000"}))
    shown = client.post(OWN, {"step": "confirm", "code": clock.code(begun)})
    codes = re.findall(r"\b[2-9a-z]{4}(?:-[2-9a-z]{4}){3}\b", text(shown))
    assert len(codes) == RECOVERY_CODES
    assert "no-store" in shown["Cache-Control"]
    assert entered(client)
    assert not entered(other)
    after = text(client.get(OWN))
    assert "On since" in after
    assert "10 recovery codes left" in after
    assert codes[0] not in after
    assert begun.secret not in after.replace(" ", "")


def test_turning_it_off_takes_the_password_and_a_code(
    factor: SecondFactor, anna: User, clock: Clock
) -> None:
    client = logged_in(factor, clock)
    code = clock.next_code(factor)
    for step in ("renew", "remove"):
        for shown in ({"password": "wrong", "code": code}, {"password": PASSWORD, "code": "0"}):
            assert "is wrong" in text(client.post(OWN, {"step": step, **shown}))
    renewed = client.post(OWN, {"step": "renew", "password": PASSWORD, "code": code})
    assert "never shown again" in text(renewed)
    code = clock.next_code(factor)
    client.post(OWN, {"step": "remove", "password": PASSWORD, "code": code})
    assert not SecondFactor.objects.of(anna.platform).exists()
    assert password(Client())["Location"] == INDEX


def test_a_server_that_wants_one_shows_nothing_before(
    anna: User, clock: Clock, settings: LazySettings
) -> None:
    settings.OTMS_REQUIRE_SECOND_FACTOR = "staff"
    client = Client()
    password(client)
    for page in (INDEX, QUEUE, "/admin/password_change/", "/admin/accounts/personaltoken/new/"):
        for answer in (client.get(page), client.post(page)):
            assert (answer.status_code, answer["Location"]) == (302, OWN), page
    assert "wants a second factor" in text(client.get(OWN))
    client.post(OWN, {"step": "begin", "password": PASSWORD})
    begun = SecondFactor.objects.of(anna.platform).get()
    client.post(OWN, {"step": "confirm", "code": clock.code(begun)})
    assert entered(client)
    assert client.post("/admin/logout/").status_code == 200


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


@pytest.fixture
def office(platform: Platform) -> SimpleNamespace:
    """A clerk who may change people, and one who may look."""
    found = {}
    helps = ["get:user", "update:user", "delete:user:secondFactor"]
    for name, may in (("clerk", helps), ("halfway", helps[:2]), ("looker", helps[:1])):
        person = make.UserFactory(platform=platform, is_staff=True, may=may)
        found[name] = Client()
        found[name].force_login(person)
    return SimpleNamespace(**found)


def test_an_administrator_helps_who_can_not_log_in(
    factor: SecondFactor, anna: User, office: SimpleNamespace
) -> None:
    page = reverse("admin:accounts_user_login_safety", args=[anna.pk])
    for client in (office.clerk, office.looker):  # anna may more
        assert client.get(page).status_code == 403
        assert client.post(page, {"step": "remove"}).status_code == 403
    make.UserFactory(platform=anna.platform)
    anna.set_role("")
    assert office.halfway.post(page, {"step": "remove"}).status_code == 403
    assert office.halfway.post(page, {"step": "end"}).status_code == 403
    assert office.looker.post(page, {"step": "remove"}).status_code == 403
    for _ in range(10):
        attempt("anna", "wrong")
    shown = text(office.clerk.get(page))
    assert "On since" in shown
    assert "locked until" in shown
    office.clerk.post(page, {"step": "unlock"})
    assert attempt("anna", PASSWORD).json()["session"]["refresh_token"] is None
    office.clerk.post(page, {"step": "remove"})
    assert attempt("anna", PASSWORD).json()["session"]["refresh_token"]
    assert not SecondFactor.objects.of(anna.platform).exists()
    assert not FailedTries.objects.exclude(name_key="").exists()
    done = AuditEntry.objects.of(anna.platform).about(anna).values_list("action", flat=True)
    assert {"unlock:user", "delete:user:secondFactor", "lock:user"} <= set(done)


def test_nobody_takes_their_own_without_a_code(
    factor: SecondFactor, anna: User, clock: Clock
) -> None:
    client = logged_in(factor, clock)
    page = reverse("admin:accounts_user_login_safety", args=[anna.pk])
    assert client.post(page, {"step": "remove"}).status_code == 403
    assert SecondFactor.objects.of(anna.platform).exists()


def test_an_operator_takes_it_from_the_last_administrator(
    factor: SecondFactor, anna: User, capsys: Any
) -> None:
    from django.core.management import CommandError, call_command

    with pytest.raises(CommandError, match="nobody"):
        call_command("removesecondfactor", "bert")
    call_command("removesecondfactor", "anna")
    assert "off" in capsys.readouterr().out
    assert password(Client())["Location"] == INDEX
    with pytest.raises(CommandError, match="no second factor"):
        call_command("removesecondfactor", "anna")


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
