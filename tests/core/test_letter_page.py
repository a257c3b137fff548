"""A mail as it comes: HTML, quotes, answers, and what a machine wrote."""

import pytest

from integrations.core import letter
from tests.core.letters import read, values


def test_html_becomes_text_and_is_read_as_text() -> None:
    text = letter.plain(
        "<html><head><title>99 pallets</title><style>p {width: 7 pallets}</style></head><body>"
        "<!-- 8 boxes --><p>20&nbsp;pallets<br/>"
        "1 < 2, weight &lt; 500&#32;kg</p><table><tr><td>PO</td>"
        "<td>4711</td></tr></table><script>var pallets = '3 pallets';</script></body></html>"
    )
    assert text == "20 pallets\n1 < 2, weight < 500 kg\n\nPO 4711"
    assert values(read(text))["G.quantity"] == 20


@pytest.mark.parametrize(
    "body", ["a < b and c > d", "Ann <ann@example.com>\r\n 20  pallets", "1 &amp; 2"]
)
def test_a_text_is_left_as_it_is(body: str) -> None:
    assert letter.plain(body) == body


@pytest.mark.parametrize(
    "quote",
    [
        "> old",
        "On Mon, 2 Mar 2026 at 10:00, Ann wrote:\n> old",
        "Op ma 2 mrt 2026 om 10:00 schreef Ann <ann@example.com>:\nold",
        "Am 02.03.2026 um 10:00 schrieb Ann:\nold",
        "-----Oorspronkelijk bericht-----\nold",
        "Van: Ann\nVerzonden: maandag\nAan: Bob\nold",
        "Von: Ann\r\nGesendet: Montag\r\nold",
        "-- \nAnn",
    ],
)
def test_a_reply_ends_where_its_quote_begins(quote: str) -> None:
    text = f"12 pallets, not 20.\n\n{quote}"
    assert text[: letter.end_of_new(text)] == "12 pallets, not 20.\n\n"


def test_without_a_quote_a_reply_is_all_of_it() -> None:
    assert letter.end_of_new("on time\nPickup: from: here") == 26


@pytest.mark.parametrize(
    ("sender", "subject", "automatic"),
    [
        ("ann@x.example", "Automatic reply: order", True),
        ("ann@x.example", "Re: Abwesenheitsnotiz", True),
        ("mailer-daemon@x.example", "hello", True),
        ("ann@x.example", "20 pallets, out of Rotterdam", False),
    ],
)
def test_what_no_person_wrote_is_known(sender: str, subject: str, automatic: bool) -> None:
    assert letter.is_automatic(sender, subject) is automatic
