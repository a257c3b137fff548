"""People log in with name and password, or bring a personal token; cookies open nothing."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import LazySettings, settings
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from otms.accounts import access
from otms.accounts.models import PersonalToken, Platform, Session, User
from otms.api.router import router
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db
LIST = "transportOrders/0/1"


@pytest.fixture
def user(platform: Platform) -> User:
    return make.UserFactory(platform=platform, username="anna", password=" pass word ")  # type: ignore[no-any-return]


def login(stranger: Api) -> Any:
    body = {"username": "anna", "password": " pass word "}
    return stranger.ok("POST", "user/login", body)["session"]


def test_a_session_has_tokens_and_permissions(stranger: Api, user: User) -> None:
    session = login(stranger)
    assert set(session) == {
        *("id", "uuid", "primaryPlatformId", "createdAt", "updatedAt"),
        *("kind", "lastUsedAt"),
        *("user", "ip", "device", "startedAt", "endedAt", "expiresAt", "refreshExpiresAt"),
        *("access_token", "refresh_token", "passedTwoFactorAuthentication", "permissions"),
    }
    stored = Session.objects.of(user.platform).get()
    assert session["id"] == str(stored.pk)
    assert timedelta(hours=23) < stored.expires_at - now() <= timedelta(hours=24)
    names = {permission["name"] for permission in session["permissions"]}
    assert names == {route.name for route in router.routes() if not route.public}
    assert {"create:transportOrder", "get:transportOrders", "get:integration"} < names
    Api(session["access_token"]).ok("GET", LIST)


def test_a_wrong_name_and_a_wrong_password_look_the_same(stranger: Api, user: User) -> None:
    make.UserFactory(username="gone", password="secret", is_active=False)
    answers = [
        stranger.refused("POST", "user/login", {"username": u, "password": p}, code=401)
        for u, p in (("anna", "wrong"), ("nobody", "wrong"), ("gone", "secret"), ("a\0", "x"))
    ]
    assert all(answer == answers[0] for answer in answers)
    assert not Session.objects.across_platforms().exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "anna"}, "password"),
        ({"username": "anna", "password": ""}, "password"),
        ({"username": "x" * 151, "password": "x"}, "username"),
        ({"username": "anna", "password": "x", "otp": "123456"}, "otp"),
        ({"username": ["anna"], "password": "x"}, "username"),
    ],
)
def test_a_login_that_makes_no_sense_is_refused(stranger: Api, body: Any, field: str) -> None:
    found = stranger.refused("POST", "user/login", body)
    assert [error["field"] for error in found["errors"]] == [field]


def test_who_is_known_may_log_in_with_an_old_token_in_hand(user: User) -> None:
    login(Api("eyJhbGciOiJIUzI1NiJ9.e30.old"))
    login(Api("otms_pat_revoked"))


def test_whoever_says_to_come_from_elsewhere_still_comes_from_here(
    stranger: Api, user: User
) -> None:
    body = {"username": "anna", "password": "wrong"}
    for number in range(10):
        elsewhere = {"X-Forwarded-For": f"8.8.8.{number}"}
        assert stranger("POST", "user/login", body, headers=elsewhere).status_code == 401
    answer = stranger("POST", "user/login", body, headers={"X-Forwarded-For": "9.9.9.9"})
    assert answer.status_code == 429
    assert answer.json()["code"] == 429
    assert stranger("POST", "user/login", body, REMOTE_ADDR="10.1.1.1").status_code == 401


def test_behind_a_proxy_its_word_counts(stranger: Api, user: User, settings: LazySettings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    body = {"username": "anna", "password": " pass word "}
    for said, stored in {
        "1.2.3.4, 8.8.8.8": "8.8.8.8",
        "8.8.8.8, nonsense": "127.0.0.1",
        "1.2.3.4, 203.0.113.52:4711": "203.0.113.52",
        "[2001:db8::1]:443": "2001:db8::1",
        "[2001:db8::2]": "2001:db8::2",
        "2001:db8::3": "2001:db8::3",
        "203.0.113.52:": "127.0.0.1",
        "[203.0.113.52:80": "127.0.0.1",
        "": "127.0.0.1",
    }.items():
        headers = {"X-Forwarded-For": said}
        assert stranger("POST", "user/login", body, headers=headers).status_code == 200
        newest = Session.objects.of(user.platform).latest("started_at")
        assert newest.ip == stored


def test_ending_the_session_ends_its_token(stranger: Api, user: User) -> None:
    first, second = Api(login(stranger)["access_token"]), Api(login(stranger)["access_token"])
    newest = Session.objects.of(user.platform).latest("started_at")
    Session.objects.of(user.platform).filter(pk=newest.pk).update(ended_at=now())
    assert first("GET", LIST).status_code == 200
    answer = second("GET", LIST)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"]
    Session.objects.of(user.platform).update(expires_at=now())
    first.refused("GET", LIST, code=401)


def test_an_inactive_person_is_out_at_once(stranger: Api, user: User) -> None:
    session, personal = Api(login(stranger)["access_token"]), Api(make.token(user))
    user.is_active = False
    user.save()
    for caller in (session, personal):
        caller.refused("GET", LIST, code=401)


def test_a_new_password_ends_what_the_old_one_opened(stranger: Api, user: User) -> None:
    one, two = Api(login(stranger)["access_token"]), Api(login(stranger)["access_token"])
    personal = Api(make.token(user))
    other = make.UserFactory(platform=user.platform, username="bert", password="x")
    body = {"username": "bert", "password": "x"}
    beside = Api(stranger.ok("POST", "user/login", body)["session"]["access_token"])
    user.set_password("another")
    user.save()
    for caller in (one, two):
        caller.refused("GET", LIST, code=401)
    for caller in (personal, beside):
        caller.ok("GET", LIST)
    assert not Session.objects.of(user.platform).filter(user=user, ended_at=None).exists()
    assert Session.objects.of(user.platform).filter(user=other, ended_at=None).exists()


@pytest.mark.parametrize("way", ["set", "unset", "assigned", "made"])
def test_no_way_to_a_new_password_leaves_a_session(stranger: Api, user: User, way: str) -> None:
    session = Api(login(stranger)["access_token"])
    someone = User.objects.get(pk=user.pk)
    match way:
        case "set":
            someone.set_password(" pass word ")  # the same again, but told to be new
            someone.save(update_fields=["password"])
        case "unset":
            someone.set_unusable_password()
            someone.save(update_fields={"password"})
        case "assigned":
            someone.password = make_password("another")
            someone.save()
        case "made":
            User(pk=user.pk, platform=user.platform, username="anna").save(force_update=True)
    session.refused("GET", LIST, code=401)


def test_whatever_else_is_saved_leaves_the_sessions(stranger: Api, user: User) -> None:
    session = Api(login(stranger)["access_token"])
    someone = User.objects.get(pk=user.pk)
    someone.first_name = "Anna"
    someone.save()
    someone.last_login = now()
    someone.save(update_fields=["last_login"])
    user.set_password("never stored")
    user.save(update_fields=["email"])
    session.ok("GET", LIST)
    login(stranger)


def test_a_session_ends_once(stranger: Api, user: User) -> None:
    login(stranger)
    user.set_password("another")
    user.save()
    first = Session.objects.of(user.platform).get().ended_at
    user.is_active = False
    user.save()
    assert Session.objects.of(user.platform).get().ended_at == first


def test_a_stronger_hash_of_the_same_password_ends_nothing(
    stranger: Api, user: User, settings: LazySettings
) -> None:
    session = Api(login(stranger)["access_token"])
    weak = user.password
    hashers = "django.contrib.auth.hashers."
    settings.PASSWORD_HASHERS = [
        f"{hashers}PBKDF2PasswordHasher",
        f"{hashers}MD5PasswordHasher",
    ]
    newest = Api(login(stranger)["access_token"])
    user.refresh_from_db()
    assert user.password != weak
    assert user.check_password(" pass word ")
    for caller in (session, newest):
        caller.ok("GET", LIST)


def test_a_password_that_changes_during_a_login_opens_nothing(
    stranger: Api, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashing takes its time: somebody else may change the password meanwhile."""

    def slow(*args: Any, **kwargs: Any) -> Any:
        found = authenticate(*args, **kwargs)
        someone = User.objects.get(pk=user.pk)
        someone.set_password("another")
        someone.save()
        return found

    monkeypatch.setattr("otms.accounts.views.authenticate", slow)
    body = {"username": "anna", "password": " pass word "}
    stranger.refused("POST", "user/login", body, code=401)
    assert not Session.objects.of(user.platform).filter(ended_at=None).exists()


def test_who_comes_back_logs_in_again(stranger: Api, user: User) -> None:
    session, personal = Api(login(stranger)["access_token"]), Api(make.token(user))
    for active in (False, True):
        user.is_active = active
        user.save()
    session.refused("GET", LIST, code=401)
    personal.ok("GET", LIST)
    Api(login(stranger)["access_token"]).ok("GET", LIST)


def test_an_access_token_is_ours_whole_and_living(stranger: Api, user: User) -> None:
    token = login(stranger)["access_token"]
    session = Session.objects.of(user.platform).get()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["sid"] == str(session.pk)
    in_the_future = int(now().timestamp()) + 90
    for forged in (
        jwt.encode(claims, "not our key " * 5, algorithm="HS256"),
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode({**claims, "exp": 1}, settings.SECRET_KEY, algorithm="HS256"),
        jwt.encode({**claims, "aud": "x"}, settings.SECRET_KEY, algorithm="HS256"),
        jwt.encode({"aud": claims["aud"]}, settings.SECRET_KEY, algorithm="HS256"),
        jwt.encode({**claims, "iat": in_the_future}, settings.SECRET_KEY, algorithm="HS256"),
        jwt.encode(claims, settings.SECRET_KEY, algorithm="HS512"),
        token[:-4],
    ):
        Api(forged).refused("GET", LIST, code=401)
    fast = jwt.encode(
        {**claims, "iat": int(now().timestamp()) + 15}, settings.SECRET_KEY, algorithm="HS256"
    )
    Api(fast).ok("GET", LIST)  # the clock of the machine that made it is fast
    session.expires_at = now() - timedelta(seconds=31)
    Api(access.access_token(session)).refused("GET", LIST, code=401)


def test_a_personal_token_ends_when_revoked_or_expired(user: User) -> None:
    kept, token = PersonalToken.generate(user, "script")
    of_platform = PersonalToken.objects.of(user.platform)
    Api(token).ok("GET", LIST)
    of_platform.update(expires_at=now() + timedelta(hours=1))
    Api(token).ok("GET", LIST)
    of_platform.update(expires_at=now())
    Api(token).refused("GET", LIST, code=401)
    of_platform.update(expires_at=None, revoked_at=now())
    Api(token).refused("GET", LIST, code=401)
    assert str(kept) == "script"


def test_no_token_is_readable_in_the_database(stranger: Api, user: User) -> None:
    session = login(stranger)
    personal = make.token(user)
    with connection.cursor() as cursor:
        rows = ""
        for table in ("accounts_session", "accounts_personaltoken"):
            cursor.execute(f"SELECT * FROM {table}")
            rows += str(cursor.fetchall())
    for token in (session["access_token"], session["refresh_token"], personal):
        assert token not in rows
        assert token.replace("-", "") not in rows


def test_a_cookie_opens_nothing(user: User) -> None:
    browser = Client()
    browser.force_login(user)
    assert browser.get(f"/api/{LIST}").status_code == 401
    body = {"data": b"{}", "content_type": "application/json"}
    assert browser.post("/api/transportOrder", **body).status_code == 401
