"""A log line is one line, whoever wrote the text in it."""

import logging
import re
from typing import Any

import pytest

from otms.log import LineFormatter


def line(message: str, *args: Any, **extra: Any) -> str:
    record = logging.LogRecord("otms.x", logging.INFO, "x.py", 1, message, args, None)
    record.__dict__.update(extra)
    return LineFormatter().format(record)


def test_a_line_has_time_level_name_message_and_values() -> None:
    text = line("delivered %s", "it", object="a-b", attempt=1)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO otms\.x delivered it object=a-b attempt=1",
        text,
    )


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_nobody_else_begins_a_line(end: str) -> None:
    forged = f"x{end}2026-01-01T00:00:00.000Z ERROR otms.x forged"
    for text in (line(forged), line("%s", forged), line("m", a=forged), line("m", a=[forged])):
        assert len(text.splitlines()) == 1


def failed(error: Exception) -> str:
    caught = (type(error), error, None)
    record = logging.LogRecord("otms.x", logging.ERROR, "x.py", 1, "failed", (), caught)
    return LineFormatter().format(record)


def test_a_traceback_follows_its_line() -> None:
    first, second = failed(ValueError("why")).splitlines()
    assert first.endswith("ERROR otms.x failed")
    assert second.strip() == "ValueError: why"


def test_an_exception_begins_no_line_either() -> None:
    _, *rest = failed(ValueError("x\n2026-01-01T00:00:00.000Z ERROR forged")).splitlines()
    assert not [each for each in rest if each.startswith("2026")]
