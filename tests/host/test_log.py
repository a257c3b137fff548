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


# Everything that a terminal obeys, or that somebody's reader takes for the end of a line.
COMMANDS = [*map(chr, (*range(0x20), *range(0x7F, 0xA0))), "\u2028", "\u2029", "\u202e", "\u2066"]


@pytest.mark.parametrize("command", COMMANDS, ids=ascii)
def test_a_control_character_is_written_out(command: str) -> None:
    text = f"x{command}y"
    for found in (line(text), line("%s", text), line("m", a=text), line("m", a=[text])):
        assert found.isprintable()
        assert len(found.splitlines()) == 1
    assert failed(ValueError(text)).replace("\n", "").isprintable()


def test_what_is_written_out_can_be_read() -> None:
    assert line("a\x1b[31mb\u2028c\td\ud800").endswith(r" a\x1b[31mb\u2028c\td\ud800")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1 object=9 attempt=99", '"1 object=9 attempt=99"'),
        ("a=b", '"a=b"'),
        ('say "no"', r'"say \"no\""'),
        ('" attempt=99 x="', r'"\" attempt=99 x=\""'),
        ("two\nlines", r'"two\nlines"'),
        ("C:\\x y", r'"C:\\x y"'),
        ("\u00a0", '"\u00a0"'),
        ("O'Brien's", "\"O'Brien's\""),
        (["a", 1], "\"['a', 1]\""),
        ("/api/x?y", "/api/x?y"),
        ("Überführung", "Überführung"),
        ("", ""),
        (None, "None"),
        (1.5, "1.5"),
    ],
)
def test_a_value_is_one_field(value: Any, shown: str) -> None:
    assert line("m", object=value, attempt=1).endswith(f" m object={shown} attempt=1")


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
