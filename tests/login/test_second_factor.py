"""A stolen password is not enough for whoever turned on a second factor."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils.timezone import now

from otms.accounts.models import (
    AuditEntry,
    PersonalToken,
    Platform,
    RecoveryCode,
    SecondFactor,
    Session,
    User,
)
from otms.accounts.second_factor import RECOVERY_CODES
from otms.api.models import KeptAnswer
from otms.urls import router  # where every viewset is registered
from tests import make
from tests.conftest import Api
from tests.login.conftest import PASSWORD, Clock, attempt, login, whole
from tests.orders.test_concurrency import at_once

pytestmark = pytest.mark.django_db
LIST = "transportOrders/0/1"
OWN = "user/secondFactor"


def with_code(half: Any, otp: str, **expected: int) -> Any:
    caller, body = Api(half["access_token"]), {"username": "anna", "otp": otp}
    if expected:
        return caller.refused("POST", "user/login:otp", body, **expected)
    return caller.ok("POST", "user/login:otp", body)["session"]


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(
    factor: SecondFactor, clock: Clock, moment: int, code: str
) -> None:
    factor.secrets = {"totp": base64.b32encode(b"12345678901234567890").decode()}
    factor.last_step = 0
    factor.save()
    clock.now = moment
    assert factor.accepts(code)


def test_it_is_on_when_a_first_code_confirms_it(anna: User, clock: Clock) -> None:
    other, session = login(), login()
    caller = Api(session["access_token"])
    state = caller.ok("GET", OWN)["secondFactor"]
    assert state == {
        "enabled": False,
        "confirmedAt": None,
        "recoveryCodesLeft": 0,
        "wanted": False,
    }
    caller.refused("POST", f"{OWN}/confirm", {"otp": "123456"}, code=409)
    caller.refused("POST", OWN, {"password": "wrong"}, code=403)
    first = caller.ok("POST", OWN, {"password": PASSWORD})["secondFactor"]
    shown = caller.ok("POST", OWN, {"password": PASSWORD})["secondFactor"]
    assert first["secret"] != shown["secret"]
    assert shown["uri"].startswith(f"otpauth://totp/OTMS:anna?secret={shown['secret']}")
    assert not login()["passedTwoFactorAuthentication"]
    begun = SecondFactor.objects.of(anna.platform).get()
    wrong = caller.refused("POST", f"{OWN}/confirm", {"otp": clock.code(begun, late=2)})
    assert [each["field"] for each in wrong["errors"]] == ["otp"]
    answer = caller.ok("POST", f"{OWN}/confirm", {"otp": clock.code(begun)})
    assert len(set(answer["recoveryCodes"])) == RECOVERY_CODES
    assert answer["secondFactor"]["enabled"] is True
    assert answer["secondFactor"]["recoveryCodesLeft"] == RECOVERY_CODES
    caller.ok("GET", LIST)
    assert Session.objects.of(anna.platform).get(pk=session["id"]).passed_two_factor_authentication
    Api(other["access_token"]).refused("GET", LIST, code=401)
    caller.refused("POST", OWN, {"password": PASSWORD}, code=409)
    caller.refused("POST", f"{OWN}/confirm", {"otp": clock.code(begun)}, code=409)


def test_a_password_alone_is_half_a_login(factor: SecondFactor, clock: Clock) -> None:
    half = login()
    assert half["passedTwoFactorAuthentication"] is False
    assert half["refresh_token"] is None
    assert [each["name"] for each in half["permissions"]] == ["login:otp", "logout:user"]
    kept = Session.objects.of(factor.platform).get(pk=half["id"])
    assert timedelta(minutes=4) < kept.expires_at - now() <= timedelta(minutes=5)
    assert kept.refresh_expires_at == kept.expires_at
    session = with_code(half, clock.next_code(factor))
    assert session["passedTwoFactorAuthentication"] is True
    assert session["id"] != half["id"]
    assert len(session["permissions"]) > 20
    Api(session["access_token"]).ok("GET", LIST)
    renewed = Api().ok("POST", "user/refresh", {"refresh_token": session["refresh_token"]})
    assert renewed["session"]["passedTwoFactorAuthentication"] is True
    # Who knows the password alone has nothing of what its person opened.
    Api(half["access_token"]).refused("GET", LIST, code=401)
    with_code(half, clock.next_code(factor), code=401)


def closed_to_half() -> list[Any]:
    return [each for each in router.routes() if not each.public and each.name != "logout:user"]


def test_half_a_login_is_good_for_no_call(factor: SecondFactor) -> None:
    caller = Api(login()["access_token"])
    assert len(closed_to_half()) > 60
    for each in closed_to_half():
        path = each.path.replace("<id:id>", str(factor.user_id)).replace("<str:app>", "slack")
        path = path.replace("<str:offset>", "0").replace("<str:amount>", "1")
        answer = caller(each.method, path, {} if each.method in ("POST", "PUT") else None)
        assert answer.status_code == 403, each
        assert "POST /api/user/login:otp" in answer.json()["message"], each
    caller.ok("POST", "user/logout")
    caller.refused("POST", "user/logout", code=401)


def test_half_a_login_is_over_after_five_minutes(factor: SecondFactor, clock: Clock) -> None:
    half = login()
    Session.objects.of(factor.platform).filter(pk=half["id"]).update(expires_at=now())
    answer = with_code(half, clock.next_code(factor), code=401)
    assert "Log in first" in answer["message"]


def test_a_script_logs_in_with_one_call(factor: SecondFactor, clock: Clock) -> None:
    session = whole(factor, clock)
    assert session["passedTwoFactorAuthentication"] is True
    Api(session["access_token"]).ok("GET", LIST)
    answers = [
        Api().refused("POST", "user/login:otp", {"username": "anna", **shown}, code=401)
        for shown in (
            {"password": "wrong", "otp": clock.next_code(factor)},
            {"password": PASSWORD, "otp": "000000"},
        )
    ]
    assert answers[0] == answers[1]
    stranger = {"username": "nobody", "password": PASSWORD, "otp": "000000"}
    assert Api().refused("POST", "user/login:otp", stranger, code=401) == answers[0]


def test_a_code_alone_opens_nothing(factor: SecondFactor, clock: Clock, platform: Platform) -> None:
    make.UserFactory(platform=platform, username="bert", password=PASSWORD)
    body = {"username": "anna", "otp": clock.next_code(factor)}
    personal = make.token(factor.user)
    for token in ("", "nonsense", "a.b.c", personal, make.token(make.UserFactory())):
        answer = Api(token).refused("POST", "user/login:otp", body, code=401)
        assert "Log in first" in answer["message"]
    Api(login("bert")["access_token"]).refused("POST", "user/login:otp", body, code=401)
    Api(login("anna")["access_token"]).refused(
        "POST", "user/login:otp", {"username": "bert", "otp": body["otp"]}, code=401
    )
    with_code(login(), body["otp"])


def test_who_has_no_second_factor_is_told(anna: User) -> None:
    body = {"username": "anna", "otp": "123456"}
    right, wrong = {**body, "password": PASSWORD}, {**body, "password": "wrong"}
    answer = Api().refused("POST", "user/login:otp", right, code=409)
    assert "no second factor" in answer["message"]
    Api(login()["access_token"]).refused("POST", "user/login:otp", body, code=409)
    Api().refused("POST", "user/login:otp", wrong, code=401)


def test_who_passed_already_is_told(factor: SecondFactor, clock: Clock) -> None:
    with_code(whole(factor, clock), clock.next_code(factor), code=409)


def test_a_phone_may_be_half_a_minute_early_or_late(factor: SecondFactor, clock: Clock) -> None:
    clock.now += 300
    for late in (2, 3, -2, -3):
        with_code(login(), clock.code(factor, late=late), code=401)
    with_code(login(), clock.code(factor, late=1))
    with_code(login(), clock.code(factor))
    with_code(login(), clock.code(factor, late=-1))
    clock.now += 60
    with_code(login(), clock.code(factor, late=1), code=401)  # it was early, and is used


def test_a_code_is_good_once(factor: SecondFactor, clock: Clock) -> None:
    clock.now += 60
    early, late = clock.code(factor), clock.code(factor, late=1)
    with_code(login(), early)
    for used in (early, f"{early[:3]} {early[3:]}", late):
        with_code(login(), used, code=401)
    with_code(login(), clock.next_code(factor))


def test_a_recovery_code_is_good_once(factor: SecondFactor, clock: Clock) -> None:
    first, second, third, *_ = factor.renew_recovery_codes()
    with_code(login(), first)
    with_code(login(), first, code=401)
    with_code(login(), second.upper().replace("-", " "))
    assert factor.codes_left == RECOVERY_CODES - 2
    used = AuditEntry.objects.of(factor.platform).filter(action="use:user:recoveryCode")
    assert [each.note for each in used.order_by("id")] == ["9 left", "8 left"]
    session = Api(whole(factor, clock)["access_token"])
    shown = {"password": PASSWORD, "otp": clock.next_code(factor)}
    fresh = session.ok("POST", f"{OWN}/recoveryCodes", shown)["recoveryCodes"]
    with_code(login(), third, code=401)
    with_code(login(), fresh[0])
    assert RecoveryCode.objects.count() == RECOVERY_CODES


def test_a_recovery_code_of_another_person_is_good_for_nothing(
    factor: SecondFactor, clock: Clock, platform: Platform
) -> None:
    other = SecondFactor.begin(make.UserFactory(platform=platform))
    codes = other.confirm(clock.code(other))
    assert codes
    with_code(login(), codes[0], code=401)
    with_code(login(), clock.code(other), code=401)


def test_guesses_at_the_code_are_few(factor: SecondFactor, clock: Clock) -> None:
    """Nor does the right password in between make room for more."""
    for number in range(10):
        guess = {"username": "anna", "password": PASSWORD, "otp": f"00000{number}"}
        match number % 3:
            case 0:
                with_code(login(), f"00000{number}", code=401)
            case 1:
                Api().refused("POST", "user/login:otp", guess, code=401)
            case 2:
                with_code(login(), "aaaa-bbbb-cccc-dddd", code=401)
    right = {"username": "anna", "password": PASSWORD, "otp": clock.next_code(factor)}
    assert Api()("POST", "user/login:otp", right)["Retry-After"]
    Api().refused("POST", "user/login:otp", right, code=429)
    assert attempt("anna", PASSWORD).status_code == 429


def test_who_is_logged_in_guesses_no_more_than_a_stranger(
    factor: SecondFactor, clock: Clock
) -> None:
    session = Api(whole(factor, clock)["access_token"])
    for number in range(10):
        wrong = {"password": "wrong" if number % 2 else PASSWORD, "otp": "000000"}
        session.refused("POST", f"{OWN}/remove", wrong, code=403)
    right = {"password": PASSWORD, "otp": clock.next_code(factor)}
    for path in ("remove", "recoveryCodes"):
        session.refused("POST", f"{OWN}/{path}", right, code=429)


def test_turning_it_off_takes_password_and_code(factor: SecondFactor, clock: Clock) -> None:
    session = whole(factor, clock)
    caller = Api(session["access_token"])
    code = clock.next_code(factor)
    caller.refused("POST", f"{OWN}/remove", {"password": "wrong", "otp": code}, code=403)
    caller.refused("POST", f"{OWN}/remove", {"password": PASSWORD, "otp": "000000"}, code=403)
    caller.refused("POST", f"{OWN}/remove", {"password": PASSWORD})
    shown = {"password": PASSWORD, "otp": code}  # a wrong password did not spend it
    assert caller.ok("POST", f"{OWN}/remove", shown)["secondFactor"]["enabled"] is False
    caller.refused("POST", f"{OWN}/remove", shown, code=409)
    assert login()["refresh_token"]
    actions = AuditEntry.objects.of(factor.platform).values_list("action", flat=True)
    assert {"confirm:user:secondFactor", "remove:user:secondFactor"} <= set(actions)


def test_an_administrator_takes_it_from_who_lost_the_phone(
    factor: SecondFactor, platform: Platform
) -> None:
    factor.user.set_role("support")
    boss = make.UserFactory(platform=platform, is_superuser=True)
    peer = make.UserFactory(platform=platform, role="integration manager")
    clerk = make.UserFactory(platform=platform)
    path = f"user/{factor.user_id}/secondFactor"
    for who, code in ((peer, 403), (make.UserFactory(is_superuser=True), 404)):
        Api(session_of(who)).refused("DELETE", path, code=code)
    Api(make.token(boss)).refused("DELETE", path, code=403)
    Api(session_of(boss)).refused("DELETE", f"user/{boss.pk}/secondFactor", code=409)
    of_boss = SecondFactor.begin(boss)
    SecondFactor.objects.of(platform).filter(pk=of_boss.pk).update(confirmed_at=now())
    Api(session_of(clerk)).refused("DELETE", f"user/{boss.pk}/secondFactor", code=403)
    Api(session_of(clerk)).ok("DELETE", path)
    assert login()["refresh_token"]
    Api(session_of(clerk)).refused("DELETE", path, code=409)


def session_of(person: User) -> str:
    from otms.accounts.access import access_token

    opened = Session.start(person, ip=None, device="", passed=True)
    assert opened
    return access_token(opened[0])


def test_nothing_of_it_is_readable_in_the_database(
    factor: SecondFactor, caplog: pytest.LogCaptureFixture
) -> None:
    codes = factor.renew_recovery_codes()
    with_code(login(), codes[0])
    with connection.cursor() as cursor:
        rows = ""
        for table in ("secondfactor", "recoverycode", "auditentry"):
            cursor.execute(f"SELECT * FROM accounts_{table}")
            rows += str(cursor.fetchall())
    for text in (factor.secret, *codes, *(each.replace("-", "") for each in codes)):
        assert text not in rows
        assert text not in caplog.text
    assert factor.secret not in repr(factor.secrets)


def test_what_is_shown_once_is_in_no_kept_answer(anna: User, clock: Clock) -> None:
    caller = Api(login()["access_token"], **{"Idempotency-Key": "the-same-key"})
    assert caller.ok("POST", "user/token", {"name": "script"})["token"]["token"]
    caller.ok("POST", OWN, {"password": PASSWORD})
    begun = SecondFactor.objects.of(anna.platform).get()
    caller.ok("POST", f"{OWN}/confirm", {"otp": clock.code(begun)})
    shown = {"password": PASSWORD, "otp": clock.next_code(begun)}
    caller.ok("POST", f"{OWN}/recoveryCodes", shown)
    assert not KeptAnswer.objects.exists()


@pytest.mark.parametrize("each", [r for r in router.routes() if r.by_hand], ids=lambda r: r.name)
def test_no_token_changes_how_its_person_logs_in(anna: User, each: Any) -> None:
    _, whatever = PersonalToken.generate(anna, "all")
    _, named = PersonalToken.generate(anna, "named", permissions=[each.name])
    path = each.path.replace("<id:id>", str(anna.pk))
    body = {"password": PASSWORD, "otp": "000000", "name": "x"} if each.takes else None
    for token in (whatever, named):
        answer = Api(token).refused(each.method, path, body, code=403)
        assert "takes a person who logged in" in answer["message"]


def test_a_server_may_want_one_of_whoever_uses_the_admin(
    anna: User, platform: Platform, clock: Clock, settings: LazySettings
) -> None:
    settings.OTMS_REQUIRE_SECOND_FACTOR = "staff"
    boss = make.UserFactory(
        platform=platform, username="boss", password=PASSWORD, is_staff=True, is_superuser=True
    )
    Api(login("anna")["access_token"]).ok("GET", LIST)
    session = login("boss")
    names = {each["name"] for each in session["permissions"]}
    assert names == {
        "get:user:secondFactor",
        "begin:user:secondFactor",
        "confirm:user:secondFactor",
        "logout:user",
    }
    caller = Api(session["access_token"])
    answer = caller.refused("GET", LIST, code=403)
    assert "wants a second factor" in answer["message"]
    caller.refused("POST", "user/token", {"name": "script"}, code=403)
    assert caller.ok("GET", OWN)["secondFactor"]["wanted"] is True
    caller.ok("POST", OWN, {"password": PASSWORD})
    begun = SecondFactor.objects.of(platform).get(user=boss)
    caller.ok("POST", f"{OWN}/confirm", {"otp": clock.code(begun)})
    caller.ok("GET", LIST)
    shown = {"password": PASSWORD, "otp": clock.next_code(begun)}
    caller.ok("POST", f"{OWN}/remove", shown)
    caller.refused("GET", LIST, code=403)


@pytest.mark.django_db(transaction=True)
def test_one_of_many_that_show_the_same_code_is_let_in(factor: SecondFactor, clock: Clock) -> None:
    for code in (clock.next_code(factor), factor.renew_recovery_codes()[0]):
        body = {"username": "anna", "password": PASSWORD, "otp": code}
        answers = at_once(5, lambda body=body: Api()("POST", "user/login:otp", body))
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [200, 401, 401, 401, 401]


@pytest.mark.django_db(transaction=True)
def test_of_many_guesses_at_the_code_no_more_are_answered(
    factor: SecondFactor, clock: Clock
) -> None:
    tokens = iter([login()["access_token"] for _ in range(20)])
    body = {"username": "anna", "otp": "000000"}
    answers = at_once(20, lambda: Api(next(tokens))("POST", "user/login:otp", body))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [401] * 10 + [429] * 10
    assert json.loads(answers[0].content)["success"] is False
