"""A deployment brings its own keys, or does not start."""

import subprocess
import sys
from pathlib import Path

import pytest

from otms import env

ROOT = Path(__file__).parents[2]
KEYS = {"SECRET_KEY": "a" * 60, "OTMS_ENCRYPTION_KEYS": "b" * 44}


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
