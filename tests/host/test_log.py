"""A log line is one line, whoever wrote the text in it."""

import json
import logging
import math
import re
import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client, RequestFactory

from otms import log
from otms.log import JsonFormatter, LineFormatter
from tests.conftest import Lines


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


def as_json(message: str, *args: Any, error: Exception | None = None, **extra: Any) -> Any:
    caught = (type(error), error, None) if error else None
    record = logging.LogRecord("otms.x", logging.INFO, "x.py", 1, message, args, caught)
    record.__dict__.update(extra)
    text = JsonFormatter().format(record)
    assert len(text.splitlines()) == 1
    assert text.isascii()
    return json.loads(text)


def test_a_line_of_json_has_time_level_logger_message_and_values() -> None:
    id = uuid.uuid4()
    found = as_json("delivered %s", "it", object=id, attempt=1, ok=True, none=None, late=1.5)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("time"))
    assert found == {
        "level": "INFO",
        "logger": "otms.x",
        "message": "delivered it",
        "object": str(id),
        "attempt": 1,
        "ok": True,
        "none": None,
        "late": 1.5,
    }


@pytest.mark.parametrize("text", [*COMMANDS, "\ud800", "\n{}", '"', "\\", "Ü"], ids=ascii)
def test_whatever_a_text_holds_it_is_one_line_of_json(text: str) -> None:
    found = as_json(text, a=text, b=[text], c={text: text}, error=ValueError(text))
    assert (found["message"], found["a"], found["b"], found["c"]) == (
        text,
        text,
        [text],
        {text: text},
    )
    assert "ValueError" in found["exception"]


def test_what_json_has_no_word_for_is_text() -> None:
    found = as_json("m", a=math.inf, b=[math.nan], c=object, d=(1, {2}))
    assert (found["a"], found["b"], found["d"]) == ("inf", ["nan"], [1, [2]])
    assert found["c"] == "<class 'object'>"


def test_nobody_replaces_what_a_line_is(settings: LazySettings) -> None:
    found = as_json("m", level="FORGED", time="never", logger="x")
    assert (found["level"], found["level_"], found["time_"]) == ("INFO", "FORGED", "never")


def test_of_a_request_its_query_is_not_told() -> None:
    request = RequestFactory().get("/x?token=secret")
    assert as_json("m", request=request)["request"] == "GET /x"


def test_each_line_says_what_it_is_about(lines: Lines) -> None:
    with log.about(object="a"), log.about(change=7):
        logging.getLogger("otms.x").warning("in", extra={"object": "b"})
    logging.getLogger("otms.x").warning("out")
    inside, outside = lines.said
    assert (inside["object"], inside["change"]) == ("b", 7)
    assert "object" not in outside


def test_a_refusal_is_logged_with_the_id_of_its_request(lines: Lines) -> None:
    Client().get("/api/nothing", headers={"X-Request-Id": "their-own-id"})
    assert {each.get("request_id") for each in lines.said} == {"their-own-id"}


def test_a_crash_is_logged_with_the_id_that_the_caller_was_told(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> Any:
        logging.getLogger("otms.x").warning("on the way")
        raise RuntimeError("on purpose")

    monkeypatch.setattr("django.middleware.common.CommonMiddleware.process_request", crash)
    answer = Client(raise_request_exception=False).get("/healthz")
    assert answer.status_code == 500
    assert len(lines.said) == 2
    assert {each["request_id"] for each in lines.said} == {answer["X-Request-Id"]}
