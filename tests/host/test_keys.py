"""A deployment brings its own keys, or does not start."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from otms import env
from otms.accounts import passwords
from otms.accounts.access import access_token
from tests import make
from tests.conftest import Api

ROOT = Path(__file__).parents[2]
KEYS = {"SECRET_KEY": "a" * 60, "OTMS_ENCRYPTION_KEYS": "b" * 43 + "="}


def started(**given: str) -> str:
    """What the settings of a deployment with these keys complain of."""
    place = {"DATABASE_URL": "postgres://otms@127.0.0.1/otms"}
    environment = env.extended(**place, **given)
    for name in KEYS.keys() - given.keys():
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", "import otms.settings"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr


def test_a_deployment_with_keys_starts() -> None:
    assert started(**KEYS) == ""


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("empty", ["", " ", None])
def test_a_deployment_without_a_key_is_told_how_to_make_one(name: str, empty: str | None) -> None:
    given = {**KEYS, name: empty}
    complaint = started(**{key: value for key, value in given.items() if value is not None})
    assert f"ImproperlyConfigured: With a DATABASE_URL there must be a {name} too" in complaint
    command = complaint.rpartition("python -c '")[2].rpartition("'")[0]
    made = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    assert started(**{**KEYS, name: made.stdout.strip()}) == ""


@pytest.mark.django_db
def test_what_a_former_key_signed_is_accepted_as_long_as_it_is_named(
    settings: LazySettings,
) -> None:
    person = make.UserFactory(is_staff=True, is_superuser=True, password="old enough to rotate")
    session = make.session(person.platform)
    token = access_token(session)
    browser = Client()
    browser.force_login(person)
    link = passwords.link(person, "")
    former, settings.SECRET_KEY = (
        settings.SECRET_KEY,
        "another key, long enough to sign with, and new",
    )

    def accepted() -> list[int]:
        return [
            Api(token)("GET", "transportOrders/0/1").status_code,
            browser.get(reverse("admin:index")).status_code,
            200 if Client().get(link, follow=True).context.get("validlink") else 404,
        ]

    settings.SECRET_KEY_FALLBACKS = [former]
    assert accepted() == [200, 200, 200]
    new = access_token(session)
    settings.SECRET_KEY_FALLBACKS = []
    assert accepted() == [401, 200, 404]  # the login in the browser went over to the new key
    browser = Client()
    assert accepted() == [401, 302, 404]
    assert Api(new)("GET", "transportOrders/0/1").status_code == 200


def test_no_error_page_is_mailed_to_anybody() -> None:
    found = [
        type(handler).__name__
        for logger in [
            logging.getLogger(),
            *map(logging.getLogger, logging.root.manager.loggerDict),
        ]
        for handler in logger.handlers
    ]
    assert "AdminEmailHandler" not in found
