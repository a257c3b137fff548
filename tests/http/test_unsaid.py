"""What the other side says again of our secrets is masked, however it is spelled."""

import base64
import html
import json
import re
import time
from urllib.parse import quote, quote_plus

import pytest

from integrations import http
from integrations.core.spellings import redact_values
from integrations.http.exchange import Request
from tests.http.conftest import Door
from tests.sink import Sink

SECRET = 's3cr3t/+ of <Böb\'s> "own" &co\\'
PLAIN = "abcdefghijklmnop"
TOKEN = "otms-token-4711-0815"


def shown(text: str, *secrets: str) -> str:
    return redact_values(text, secrets)


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        quote(SECRET),
        re.sub("%..", lambda found: found[0].lower(), quote(SECRET, safe="")),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        html.escape(SECRET),
        html.escape(json.dumps(SECRET)[1:-1]),
        SECRET.encode().decode("latin-1"),
        SECRET.replace("/", "&#x2F;").replace("+", "&#43;"),
    ],
)
def test_a_secret_is_masked_in_every_spelling(spelled: str) -> None:
    assert shown(f"I know {spelled}, and you?", SECRET) == "I know ***, and you?"


@pytest.mark.parametrize("before", ["", "x", "xy", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_is_masked_in_base64_wherever_it_begins(before: str, encode: object) -> None:
    encoded = encode(f"{before}{SECRET}".encode()).decode()  # type: ignore[operator]
    left = shown(f"Basic {encoded}", SECRET)
    assert "***" in left
    known = left.removeprefix("Basic ").split("***")
    assert max(map(len, known)) <= len(before) * 2 + 3


def test_the_beginning_of_a_secret_that_is_cut_off_is_masked_too() -> None:
    assert shown(f"your key is {PLAIN[:12]}", PLAIN) == "your key is ***"
    assert shown(f"{PLAIN} and {PLAIN[:9]}", PLAIN) == "*** and ***"
    assert shown(PLAIN[:5], PLAIN) == PLAIN[:5]


@pytest.mark.parametrize("end", ["…", "… is too long", '…" is no number'])
def test_so_is_one_before_an_ellipsis(end: str) -> None:
    assert shown(f'"{PLAIN[:6]}{end}', PLAIN) == f'"***{end}'
    assert shown(f"say \\u201ehallo\\u201c and {PLAIN[:3]}{end}", PLAIN).endswith(PLAIN[:3] + end)


@pytest.mark.parametrize(
    "said",
    [
        "ANN  SMITH\n12",
        "ann smith 12",
        "ann%20Smith+12",
        "Ann\\n\\tSmith\\u000a12",
        "Ann&#32;Smith 12",
    ],
)
def test_capitals_and_blanks_make_no_difference(said: str) -> None:
    assert shown(f"who is {said}?", "Ann Smith\n 12") == "who is ***?"


def test_a_text_or_a_value_that_is_made_to_be_slow_is_not() -> None:
    texts = {
        "\\" * 30 + "x": "\\" * 60_000,
        "+ " * 30 + "31": " +" * 30_000 + "31",
        "n\\n" * 20: "n\\n" * 20_000,
        "abcd" * 8_000 + "x": "abcd" * 8_000 + "…" * 500,
    }
    started = time.process_time()
    for value, text in texts.items():
        shown(text, value)
    assert time.process_time() - started < 2
    assert shown("…" * 2_000, PLAIN) == "***"
    many = [f"{'aaaa.' * 98}x{n}" for n in range(500)]
    assert shown("aaaa." * 9_000 + " ".join(f"x{n}" for n in range(500)), *many) == "***"


def test_the_longer_of_two_secrets_goes_first() -> None:
    assert shown("abcdefgh-12345", "abcdefgh", "abcdefgh-12345") == "***"


def test_what_is_no_secret_stays() -> None:
    text = 'no such "order" & 4711 ***'
    assert shown(text, SECRET, PLAIN, "", "abc") == text


def test_masking_a_large_answer_takes_no_time() -> None:
    said = ("abcdefgh" * 8 + "%20&amp;\\u0020 ") * 900
    secrets = [f"{PLAIN * 30}{n}/+ " for n in range(20)]
    shown(said[:100], *secrets)
    started = time.process_time()
    shown(said, *secrets)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("status", [200, 302, 401])
def test_an_answer_that_says_everything_again_is_kept_without_our_secrets(
    door: Door, sink: Sink, status: int
) -> None:
    sink.teach("x", SECRET)
    login = base64.b64encode(f"ann:{PLAIN}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "X-Api-Key": TOKEN, "Accept": "text/plain"}
    url = sink.url(f"/parrot/{status}/x?key=in-the-query-4711&text=" + quote(TOKEN[::-1]))
    answer = door(Request("GET", url, headers, hidden=(SECRET,)))
    assert answer.status == status
    told = repr(answer.headers) + answer.body.decode() + answer.error + repr(answer)
    for secret in (SECRET, PLAIN, TOKEN, login, "in-the-query-4711", TOKEN[::-1]):
        for spelled in (secret, quote(secret), json.dumps(secret)[1:-1], html.escape(secret)):
            assert spelled not in told
    assert base64.b64encode(SECRET.encode()).decode()[:20] not in told
    assert "text/plain" in told  # what is no secret is there to be read
    assert "location" in answer.headers


def test_a_request_shows_nothing_that_is_hidden() -> None:
    request = Request("GET", "https://x.example/?a=1", {"X-Api-Key": TOKEN}, hidden=(SECRET,))
    assert TOKEN not in repr(request)
    assert SECRET not in repr(request)
    assert SECRET not in repr(http.Exchange(request))
