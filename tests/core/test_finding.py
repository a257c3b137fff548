"""Texts are found however they are spelled, in time that grows with the text and no faster."""

import threading
import time

import pytest

from integrations.core import query
from integrations.core.finding import AROUND, PIECE, Texts, folded

NAME = "Jörg Müller"


def without(text: str, *texts: str) -> str:
    for begin, end in reversed(Texts(texts or (NAME,)).spans(text)):
        text = f"{text[:begin]}#{text[end:]}"
    return text


def test_a_text_without_case_is_as_long_as_it_was() -> None:
    for number in range(0x110000):
        assert len(folded(chr(number) + "é")) == 2


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("of J=C3=B6rg M=C3=BCller.", "of #."),
        ("of J=C3=B6rg=20M=\r\n=C3=\n=BCl=\r\nler=2E", "of #=2E"),
        ("=4A=C3=B6rg M=c3=bcller", "#"),
        ("To: =?utf-8?q?J=C3=B6rg_M=C3=BCller?= <a@b.nl>", "To: =?utf-8?q?#?= <a@b.nl>"),
        ("=?utf-8?q?J=C3=B6rg?=\r\n =?utf-8?q?_M=C3=BCller_x?=", "=?utf-8?q?#_x?="),
        ("=?utf-8?b?SsO2cmcgTcO8?=\r\n =?utf-8?b?bGxlcg==?= x", "# x"),
        ("J=C3=B6rg M=C3=BCllers", "J=C3=B6rg M=C3=BCllers"),
        ("Björg Müller JÖRG MÜLLER", "Björg Müller #"),
        ("a=?utf-8?b?A?= =ZZ =C3 =?utf-8?q?=?=", "a=?utf-8?b?A?= =ZZ =C3 =?utf-8?q?=?="),
    ],
)
def test_a_mail_spells_it_in_its_own_way(text: str, left: str) -> None:
    assert without(text) == left


@pytest.mark.parametrize("text", ["O'Neil & Söns", "+31 (6) 12,34", "ann@example.com"])
def test_what_was_asked_in_a_url_is_found(text: str) -> None:
    url = f"https://erp.example/?{query.written({'a': 'b', 'q': text, 'c': 'd'})}"
    assert without(url, text) == "https://erp.example/?a=b&q=#&c=d"


def test_texts_that_overlap_are_one() -> None:
    assert without("Ann Smith Jones, Ann", "Ann Smith", "Smith Jones") == "#, Ann"


@pytest.mark.parametrize("place", [0, PIECE - 5, PIECE, 2 * PIECE - 1, PIECE + AROUND - 3])
def test_it_is_found_once_wherever_a_long_text_is_divided(place: int) -> None:
    before, after = " " * place, ". Björg Müller" * PIECE
    assert without(f"{before}{NAME}{after}") == f"{before}#{after}"


@pytest.mark.parametrize("filler", ["a ", "-a", "é "])
def test_no_texts_make_it_slow_and_others_have_their_turn(filler: str) -> None:
    texts = Texts([*(f"{filler * 148}x{n:02}" for n in range(19)), "zebra quagga"])
    text, pauses, over = "é" + filler * 1_000_000, [0.0], threading.Event()

    def tick() -> None:
        last = time.monotonic()
        while not over.wait(0.001):
            pauses.append(time.monotonic() - last)
            last = time.monotonic()

    beside = threading.Thread(target=tick)
    beside.start()
    begun = time.monotonic()
    assert texts.spans(text) == []
    took = time.monotonic() - begun
    over.set()
    beside.join()
    assert took < 5  # twenty seconds when each place was tried for each text
    assert max(pauses) < 1
