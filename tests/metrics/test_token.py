"""A token that could be guessed is refused when the server starts."""

import subprocess
import sys
from pathlib import Path

import pytest

from otms import env

pytestmark = pytest.mark.embedded


def started(folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    given = env.extended(
        DATABASE_URL="", CELERY_BROKER_URL="memory://", OTMS_VAR=str(folder), **variables
    )
    code = "from django.conf import settings; print(settings.OTMS_METRICS_TOKEN)"
    given["DJANGO_SETTINGS_MODULE"] = "otms.settings"
    return subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True)


@pytest.mark.parametrize(
    "given", ["guess-me", "x" * 31, "with blanks in it, and long enough for all"]
)
def test_a_weak_token_is_refused(tmp_path: Path, given: str) -> None:
    done = started(tmp_path, OTMS_METRICS_TOKEN=given)
    assert done.returncode
    assert "OTMS_METRICS_TOKEN is shorter than 32 characters" in done.stderr
    assert given not in done.stderr


def test_a_strong_one_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("y" * 32 + "\n")
    done = started(tmp_path, OTMS_METRICS_TOKEN_FILE=str(file))
    assert done.stdout.strip() == "y" * 32


def test_a_format_of_the_log_that_there_is_not_is_refused(tmp_path: Path) -> None:
    assert "write line, for people, or json" in started(tmp_path, OTMS_LOG_FORMAT="xml").stderr
