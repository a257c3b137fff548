"""An order is a mail in somebody's mailbox: once, to everybody it was for, or not at all."""

import email.policy
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from integrations.connectors import email as mailing
from integrations.connectors.base import Delivery
from integrations.core.errors import MappingError
from integrations.http import Exchange, trust
from integrations.models import DataSource, Integration, RequestLog, Status
from tests import make
from tests.queue.conftest import Queue
from tests.sink.smtp import MailServer

ID = "0c3f1f0e-0000-4000-8000-000000000001"
LETTER = {"to": "ann@customer.example", "subject": "Order 4711", "body": "It is there.\n"}
MAPPING = {
    "to": "$.transportOrder.externalAttributes.mail",
    "subject": {"$text": "Order {{transportOrder.name}}"},
    "body": {"$text": "Order {{transportOrder.name}} is {{transportOrder.status}}."},
}


def delivery(attempt: int = 1, timestamp: int = 1_774_173_600) -> Delivery:
    return Delivery(ID, attempt, sequence=1, timestamp=timestamp, traceparent="00-0-0-01")


def made(**more: Any) -> EmailMessage:
    """The message that is made of a document, as a mailbox reads it."""
    request = mailing.Connector({}, {}).request({**LETTER, **more}, delivery())
    assert request.body.isascii()
    parsed: Any = BytesParser(policy=email.policy.default).parsebytes(request.body)
    assert not parsed.defects
    return parsed  # type: ignore[no-any-return]


def refusal(**more: Any) -> str:
    """Why no message is made of a document."""
    with pytest.raises(MappingError) as refused:
        mailing.Connector({}, {}).request({**LETTER, **more}, delivery())
    return str(refused.value)


def send(timeout: float = 5, **more: Any) -> Exchange:
    connector = mailing.Connector({}, {})
    return connector.send(connector.request({**LETTER, **more}, delivery()), timeout=timeout)


def text(found: EmailMessage) -> str:
    part = found.get_body(("plain",))
    assert part
    return str(part.get_content()).replace("\r\n", "\n")


# The message.


def test_a_message_has_what_mailboxes_ask_for(mail: MailServer) -> None:
    found = made()
    assert found["From"] == "Acme Transport <otms@acme.example>"
    assert found["To"] == "ann@customer.example"
    assert found["Subject"] == "Order 4711"
    assert found["Date"].datetime.isoformat() == "2026-03-22T10:00:00+00:00"
    assert found["Message-ID"] == f"<{ID}@acme.example>"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["X-OTMS-Hops"] == "1"
    assert found.get_content_type() == "text/plain"
    assert text(found) == "It is there.\n"


@pytest.mark.parametrize(
    "to",
    [
        "ann@a.example, bob@b.example",
        ["ann@a.example", "bob@b.example"],
        ["ann@a.example", ["bob@b.example", "ann@a.example"], [], None],
        "Ann <ann@a.example>, <bob@b.example>",
    ],
)
def test_recipients_are_a_text_or_a_list(to: Any) -> None:
    request = mailing.Connector({}, {}).request({**LETTER, "to": to}, delivery())
    assert request.where == "mailto:ann@a.example,bob@b.example"


def test_letters_of_all_languages_arrive() -> None:
    found = made(
        to='"Müller, Jörg" <joerg@müller.example>', subject="Żółć ✓ " * 30, body="Grüße\n" * 3
    )
    (address,) = found["To"].addresses
    assert address.display_name == "Müller, Jörg"
    assert address.addr_spec == "joerg@xn--mller-kva.example"
    assert found["Subject"] == ("Żółć ✓ " * 30).strip()
    assert text(found) == "Grüße\n" * 3


def test_a_line_of_a_text_starts_no_header() -> None:
    found = made(
        subject="4711\r\nBcc: eve@evil.example\u2028X: 1\x0bY: 2\x00",
        to='"Ann\r\nBcc: eve@evil.example" <ann@a.example>',
        body="\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n",
    )
    assert found["Subject"] == "4711 Bcc: eve@evil.example X: 1 Y: 2"
    assert found["Bcc"] is None
    assert [each.addr_spec for each in found["To"].addresses] == ["ann@a.example"]


@pytest.mark.parametrize(
    "word", ["=?utf-8?q?x=0D=0ABcc=3A_eve=40evil.example?=", "=?us-ascii?b?eA0KQmNjOiBldmU=?="]
)
@pytest.mark.parametrize(
    "field", [{"subject": "{}"}, {"to": '"{}" <ann@a.example>'}, {"replyTo": "{} <ann@a.example>"}]
)
def test_an_encoded_word_starts_none_either(field: Any, word: str) -> None:
    found = made(**{name: written.format(word) for name, written in field.items()})
    assert found["Bcc"] is None
    assert "= ?" in str(found["Subject"]) + str(found["To"]) + str(found["Reply-To"])


def test_an_address_holds_no_encoded_word() -> None:
    assert "is not an e-mail address" in refusal(to="=?us-ascii?b?DQpCY2M6IHg=?=@a.example")


@pytest.mark.parametrize(
    "to",
    [
        "ann",
        "ann@",
        "ann@b c.example",
        "ann@a.example\r\nRCPT TO:<eve@evil.example>",
        '"ann eve"@a.example',
        "ann@[127.0.0.1]",
        "ann@a.example; bob@a.example",
        "ann@a.example bob@a.example",
        "<ann@a.example",
        ",",
        "ann@" + "a" * 64 + ".example",
        7,
    ],
)
def test_what_is_no_address_is_named(to: Any) -> None:
    assert "address" in refusal(to=to)


def test_a_message_needs_its_parts() -> None:
    assert "nobody to send to" in refusal(to=[])
    assert "needs a text as `subject`" in refusal(subject=4711)
    assert "needs a text as `body`" in refusal(body=None)
    assert "there is no 'bcc'" in refusal(bcc="eve@evil.example")
    assert "at most 50" in refusal(to=[f"a{n}@a.example" for n in range(51)])
    assert "at most 500" in refusal(subject="x" * 501)
    assert "at most 1 MiB" in refusal(body="ü" * 600_000)


def test_html_comes_beside_the_text() -> None:
    found = made(html="<p>Grüße</p>", cc="cc@a.example", replyTo="plan@acme.example")
    assert found.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in found.iter_parts()] == ["text/plain", "text/html"]
    assert (found["Cc"], found["Reply-To"]) == ("cc@a.example", "plan@acme.example")


def test_the_same_delivery_is_the_same_message() -> None:
    connector = mailing.Connector({}, {})
    first, second = (connector.request({**LETTER, "html": "<p>"}, delivery(n)) for n in (1, 2))
    assert first.body == second.body


# The server.


def test_a_message_is_taken_to_everybody_it_is_for(mail: MailServer) -> None:
    exchange = send(to="ann@a.example", cc=["bob@b.example"], body="first\n.\n..third\n")
    assert (exchange.error, exchange.body) == ("", b"kept as 7")
    (letter,) = mail.letters
    assert letter.sender == "otms@acme.example"
    assert letter.recipients == ["ann@a.example", "bob@b.example"]
    assert letter.text == "first\n.\n..third\n"


@pytest.mark.parametrize(
    ("at", "answer", "kind", "says"),
    [
        ("CONNECT", "554 not you", "busy", "(see EMAIL_URL): 554 not you"),
        ("MAIL", "451 later", "busy", "451 later"),
        ("MAIL", "552 too large", "refused", "552 too large"),
        ("RCPT", "450 greylisted", "busy", "450 greylisted"),
        ("RCPT", "550 no such user", "refused", "ann@customer.example: 550 no such user"),
        ("DATA", "451 disk full", "busy", "451 disk full"),
        (".", "451 busy", "busy", "451 busy"),
        (".", "554 this is spam", "refused", "554 this is spam"),
        ("CONNECT", "drop", "lost", "ended the connection"),
        ("...", "drop", "lost", "ended the connection"),
        (".", "drop", "lost", "ended the connection"),
    ],
)
def test_what_the_server_says_is_told(
    mail: MailServer, at: str, answer: str, kind: str, says: str
) -> None:
    mail.says = {at: answer}
    exchange = send()
    assert exchange.error_kind == kind
    assert says in exchange.error
    assert not mail.letters


@pytest.mark.parametrize("at", ["CONNECT", "EHLO", "RCPT", "..."])
def test_a_server_that_hangs_is_left_at_the_deadline(mail: MailServer, at: str) -> None:
    mail.says = {at: "hang"}
    assert send(timeout=1).error_kind == "timeout"


def test_nobody_listens_beyond_the_deadline_to_a_server_that_drips(mail: MailServer) -> None:
    mail.says = {"EHLO": "drip"}
    assert send(timeout=1).error_kind == "timeout"
    assert not mail.heard_out


def test_what_was_taken_is_taken(mail: MailServer) -> None:
    mail.says = {"QUIT": "drop"}
    assert send().error == ""
    assert len(mail.letters) == 1


def test_one_that_is_refused_is_named_and_the_others_get_it(mail: MailServer) -> None:
    mail.says = {"RCPT TO:<BOB@": "550 no such user"}
    exchange = send(to=["ann@a.example", "bob@b.example"])
    assert exchange.error_kind == "refused"
    assert "took it for the others, but refused bob@b.example: 550 no such user" in exchange.error
    assert [letter.recipients for letter in mail.letters] == [["ann@a.example"]]


def test_nobody_gets_it_twice_because_one_has_to_wait(mail: MailServer) -> None:
    mail.says = {"RCPT TO:<BOB@": "450 greylisted"}
    assert send(to=["ann@a.example", "bob@b.example"]).error_kind == "busy"
    assert not mail.letters


def test_an_address_of_other_letters_needs_a_server_that_knows_them(mail: MailServer) -> None:
    assert "jörg@a.example" in send(to="jörg@a.example").error
    mail.extensions.append("SMTPUTF8")
    assert send(to="jörg@a.example").error == ""
    assert mail.letters[0].recipients == ["jörg@a.example"]
    assert "To: jörg@a.example".encode() in mail.letters[0].content


def test_a_server_that_is_away_is_tried_again(mail: MailServer, settings: LazySettings) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = sock.getsockname()[1]
        exchange = send()
    assert exchange.error_kind == "connect"
    assert not exchange.sent


@pytest.fixture
def trusted(self_signed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SSL_CERT_FILE", str(self_signed))
    trust._common.cache_clear()
    yield
    trust._common.cache_clear()


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.usefixtures("mail", "trusted")
def test_a_login_is_made_over_tls(self_signed: Path, tls: bool, settings: LazySettings) -> None:
    with MailServer(self_signed, tls=tls) as server:
        server.extensions = ["STARTTLS", "AUTH PLAIN"]
        settings.EMAIL_PORT = server.port
        settings.EMAIL_USE_SSL, settings.EMAIL_USE_TLS = tls, not tls
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "ann", "sesame"
        assert send().error == ""
        server.says = {"AUTH": "535 wrong"}
        refused = send()
    (letter,) = server.letters
    assert (letter.user, letter.tls) == ("ann", True)
    assert refused.error_kind == "busy"
    assert "(see EMAIL_URL): 535 wrong" in refused.error
    assert "sesame" not in refused.error


@pytest.mark.usefixtures("mail")
def test_an_unknown_certificate_ends_it(self_signed: Path, settings: LazySettings) -> None:
    with MailServer(self_signed) as server:
        server.extensions = ["STARTTLS"]
        settings.EMAIL_PORT, settings.EMAIL_USE_TLS = server.port, True
        exchange = send()
    assert exchange.error_kind == "tls"
    assert "self-signed certificate" in exchange.error


def test_tls_that_is_not_offered_is_not_done_without(
    mail: MailServer, settings: LazySettings
) -> None:
    settings.EMAIL_USE_TLS = True
    assert send().error_kind == "tls"
    assert not mail.letters


def test_without_a_mail_server_it_says_what_is_missing(settings: LazySettings) -> None:
    settings.EMAIL_HOST = ""
    exchange = send()
    assert exchange.error_kind == "refused"
    assert "sets EMAIL_URL" in exchange.error
    assert mailing.Connector({}, {}).check(timeout=1) == exchange.error
    assert [each.code for each in mailing.Connector.warnings({})] == ["no_mail_server"]


def test_a_check_sends_nothing(mail: MailServer) -> None:
    connector = mailing.Connector({}, {})
    assert connector.check(timeout=5) == ""
    assert not list(connector.warnings({}))
    assert [each.split()[0] for each in mail.commands] == ["ehlo", "noop", "quit"]
    mail.says = {"NOOP": "421 closing"}
    assert "421 closing" in connector.check(timeout=5)
    assert not mail.letters


# The queue.


def mailing_to(queue: Queue) -> Integration:
    made = make.integration(platform=queue.platform)
    DataSource.objects.create(
        platform=queue.platform, integration=made, connector="email", mapping=MAPPING
    )
    return made


@pytest.mark.django_db(transaction=True)
def test_an_order_is_a_mail_with_one_id_on_every_attempt(queue: Queue, mail: MailServer) -> None:
    mailing_to(queue)
    mail.says = {".": "451 later"}
    queue.save_order(name="4711", external_attributes={"mail": "ann@a.example"})
    queue.run()
    assert queue.only.status == Status.RETRY
    mail.says = {}
    queue.run_when_due()
    assert queue.only.status == Status.SUCCESS
    (letter,) = mail.letters
    assert letter.message["Message-ID"] == f"<{queue.only.uuid}@acme.example>"
    assert letter.text == "Order 4711 is requested.\n"
    newest = RequestLog.objects.of(queue.platform).order_by("-id").first()
    assert newest
    assert (newest.method, newest.url) == ("SEND", "mailto:ann@a.example")
    assert "Order 4711 is requested." in newest.request_body
    assert newest.response_body == "kept as 7"


@pytest.mark.django_db(transaction=True)
def test_an_order_without_an_address_is_an_error_that_says_so(
    queue: Queue, mail: MailServer
) -> None:
    mailing_to(queue)
    queue.save_order(name="4711", external_attributes={"mail": []})
    queue.run()
    assert queue.only.status == Status.ERROR
    assert "There is nobody to send to" in queue.only.error
    assert not mail.letters


@pytest.mark.django_db(transaction=True)
def test_texts_that_come_out_empty_are_told_as_such(queue: Queue, mail: MailServer) -> None:
    subject = {"$text": "{{transportOrder.referenceDescription}}{{transportOrder.nam}}"}
    mapping = {"to": "ann@customer.example", "subject": subject, "body": "b"}
    made_of = make.integration(platform=queue.platform)
    DataSource.objects.create(
        platform=queue.platform, integration=made_of, connector="email", mapping=mapping
    )
    queue.save_order(name="4711")
    queue.run()
    error = queue.only.error
    said = "subject: The `subject` is empty: all that it is made of is empty"
    assert error.startswith(f"The mapping fails: {said}")
    assert "`$.transportOrder.nam`" in error


def test_what_is_cut_off_says_so() -> None:
    assert mailing._spoken(550, "no " * 90) == f"550 {'no ' * 89}no"
    cut = mailing._spoken(550, "no " * 200)
    assert (len(cut), cut[-1]) == (300, "…")
