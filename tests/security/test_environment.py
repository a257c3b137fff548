"""Secrets in the environment: no process says them, not even when it refuses them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.security.planted import Planted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
ENVIRONMENT: dict[str, str] = {
    "DATABASE_URL": "postgres://otms:{}@127.0.0.1:1/otms",
    "CELERY_BROKER_URL": "redis://:{}@127.0.0.1:1/0",
    "EMAIL_URL": "smtp://otms:{}@127.0.0.1:1",
    "SECRET_KEY": "{}",
    "SECRET_KEY_FALLBACKS": "{}",
}
BROKEN = {
    "DATABASE_URL": ["{}", "postgres://otms:a/{}@127.0.0.1/otms", "mysql://otms:{}@127.0.0.1/otms"],
    "EMAIL_URL": ["{}", "smtp://otms:a/{}@127.0.0.1", "smtp://otms:{}@127.0.0.1?starttls=false"],
    "OTMS_ENCRYPTION_KEYS": ["{}", "{},{}"],
}
CONNECT = "from otms.celery import app; app.connection().ensure_connection(max_retries=1)"


def said_with(*command: str, **environment: str) -> tuple[int, str]:
    """What a process of ours says that is started with this environment."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    keys = {"SECRET_KEY": "k" * 60, "OTMS_ENCRYPTION_KEYS": Fernet.generate_key().decode()}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**inherited, "OTMS_LOG_LEVEL": "DEBUG", **keys, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_what_stands_in_the_environment_is_said_by_no_process(planted: Planted) -> None:
    given = {name: planted.text(name, value) for name, value in ENVIRONMENT.items()}
    given["OTMS_PUBLIC_URL"] = "http://127.0.0.1"
    for command in (
        ("manage.py", "migrate"),
        ("manage.py", "check", "--deploy"),
        ("manage.py", "healthy", "web"),
        ("manage.py", "diffsettings"),
        ("-c", f"import django; django.setup(); {CONNECT}"),
    ):
        _, said = said_with(*command, DJANGO_SETTINGS_MODULE="otms.settings", **given)
        assert said, command
        assert planted.found_in(said) == set(), command


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BROKEN.items() for value in values]
)
def test_a_broken_setting_is_refused_without_being_repeated(
    name: str, value: str, planted: Planted
) -> None:
    place = {"DATABASE_URL": "postgres://otms@127.0.0.1:1/otms"}
    code, said = said_with(
        "-c", "import otms.settings", **{**place, name: planted.text(name, value)}
    )
    assert code != 0
    assert f"ImproperlyConfigured: {name}" in said
    assert planted.found_in(said) == set()
