"""People who log in, set passwords and are shown something this once."""

from typing import Any

import pyotp
from django.test import Client
from django.urls import reverse

from otms.accounts.models import User
from tests import make
from tests.admin.conftest import Browser
from tests.conftest import Api
from tests.security.day import Day
from tests.security.planted import Planted


def people(planted: Planted, day: Day, browser: Browser, api: Api) -> None:
    """They log in, at the API and in the admin, and set passwords."""
    password = planted.mixed("password")
    person = make.UserFactory(
        platform=api.platform,  # type: ignore[attr-defined]
        username="ann",
        email="ann@example.com",
        password=password,
        is_staff=True,
        is_superuser=True,
    )
    login = {"username": "ann", "password": password}
    opened = day.made("login", Api()("POST", "user/login", login))
    wrong = {**login, "password": planted.mixed("wrong password")}
    day.note("login", Api()("POST", "user/login", wrong))
    refresh = opened["session"]["refresh_token"]
    for _ in range(2):
        day.made("refresh", Api()("POST", "user/refresh", {"refresh_token": refresh}))
    client = Client()
    page = reverse("admin:login")
    for given in (wrong, login):
        day.note("admin login", client.post(page, given))
    if cookie := client.cookies.get("sessionid"):
        planted.keep("session cookie", cookie.value)
    add = reverse("admin:accounts_user_add")
    new = planted.mixed("new password")
    for second in (new, planted.mixed("repeated password")):
        given = {"username": "bob", "password1": new, "password2": second}
        day.note("user form", browser.client.post(add, given))
    change = reverse("admin:auth_user_password_change", args=[person.pk])
    day.note("password form", browser.client.post(change, {"password1": new, "password2": "x"}))


def credentials(planted: Planted, day: Day, api: Api, integration: Any) -> None:
    """What is shown once is shown once."""
    body = {"integrationId": str(integration.pk)}
    path = "integration/generate/credentials"
    day.made("credentials", api("POST", path, body))
    source = {**body, "dataSourceId": str(integration.data_sources.get().pk)}
    day.made("signing", api("POST", "integration/generate/signingSecret", source))
    day.note("listed", api("GET", f"integration/{integration.pk}"))


def second_factor(planted: Planted, day: Day, person: User) -> None:
    """One is turned on and used, and a token is made."""
    password = planted.mixed("password of who has a second factor")
    person.set_password(password)
    person.save()
    body = {"username": person.username, "password": password}
    opened = day.made("login", Api()("POST", "user/login", body))["session"]
    api = Api(opened["access_token"])
    begun = day.made("second factor", api("POST", "user/secondFactor", {"password": password}))
    secret = begun["secondFactor"]["secret"]
    code = pyotp.TOTP(secret).now()
    for otp in ("000000", code):
        day.made("confirm", api("POST", "user/secondFactor/confirm", {"otp": otp}))
    again = {"password": password, "otp": code}
    day.made("recovery codes", api("POST", "user/secondFactor/recoveryCodes", again))
    half = day.made("half a session", Api()("POST", "user/login", body))
    assert half["session"]["passedTwoFactorAuthentication"] is False
    day.made("otp", Api()("POST", "user/login:otp", {**body, "otp": "abcd-abcd-abcd-abcd"}))
    wanted = {"name": "export", "permissions": ["get:transportOrders"], "expiresIn": "P30D"}
    key = {"Idempotency-Key": "one-token-4711"}
    for _ in range(2):
        day.made("personal token", api("POST", "user/token", wanted, headers=key))
