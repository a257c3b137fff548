"""Send a message by e-mail, through the mail server of whoever runs this deployment (EMAIL_URL).

That server is no address that a tenant typed, so the guard of egress.py has no say in it: it may
well stand on this machine or in a private network.
"""

import email.policy
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import HeaderParser
from email.utils import formatdate, parseaddr
from typing import Any
from urllib.parse import quote, unquote

from django.conf import settings as deployment
from django.utils.translation import gettext_noop

from integrations import egress
from integrations.connectors import base
from integrations.connectors._deadline import ended_at
from integrations.core import origin
from integrations.core.errors import MappingError, Problem, shown
from integrations.http import ErrorKind, Exchange, Request, trust

MOST_RECIPIENTS = 50
LONGEST_SUBJECT = 500
LONGEST_SAID = 300  # of the mail server
HEAD = 8_000  # characters of a message, in which its subject stands
LARGEST_BODY = 1024 * 1024  # bytes
KEYS = ("to", "subject", "body", "cc", "replyTo", "html")
FORM = '{"to": "ann@example.com", "subject": {"$text": "..."}, "body": {"$text": "..."}}'
EMPTY = (
    "all that it is made of is empty in this record. Write some words beside the places for values."
)
NO_SERVER = (
    "No mail server is set up: whoever runs this deployment sets EMAIL_URL and EMAIL_FROM, and "
    "starts it again."
)
# One of a list, `Ann <ann@example.com>` or the address alone. Quoted and commented addresses are
# legal, and nobody has one; without them, every address that gets through is what it seems to be.
ENTRY = re.compile(
    r'\s*+(?:(?:"(?P<quoted>[^"]*+)"\s*+|(?P<name>[^"<>@,]*+))<(?P<inside>[^<>,\s]*+)>'
    r'|(?P<bare>[^"<>,\s]*+))\s*+(?:,|$)'
)
ADDRESS = re.compile(
    r"(?P<user>(?:(?!=\?)[^\s@,;:<>()\[\]\\\"\x00-\x1f\x7f]){1,64})@(?P<host>[\w.-]{1,253})"
)
TAKEN = (250, 251)
TEMPORARY = range(400, 500)


class Settings(base.Settings):
    """None: the mail server is the deployment's, and the rest is the message's own."""


class Connector(base.BlockingConnector):
    label = gettext_noop("E-mail")
    Settings = Settings

    def __init__(self, settings: dict[str, Any], secrets: dict[str, Any]) -> None:
        # The mail server may say back what it was told, as anybody may who is called.
        super().__init__(settings, {**secrets, "password": deployment.EMAIL_HOST_PASSWORD})

    def request(self, document: Any, delivery: base.Delivery) -> Request:
        """The whole message; whom the server is told to bring it to is the URL."""
        message, recipients = _message(document, delivery)
        where = ",".join(quote(each, safe="@+!$'*^~") for each in recipients)
        return Request("SEND", f"mailto:{where}", body=message.as_bytes())

    def send(self, request: Request, *, timeout: float) -> Exchange:
        recipients = unquote(request.url.removeprefix("mailto:")).split(",")
        exchange = Exchange(request)

        def deliver(server: smtplib.SMTP) -> None:
            exchange.body = _delivered(server, recipients, request.body)

        return _talked(exchange, timeout, deliver)

    def check(self, *, timeout: float, sample: Any = None) -> str:
        """Connect and log in; nothing is sent."""
        exchange = Exchange(self.hiding(Request("CHECK", "mailto:")))
        return _talked(exchange, timeout, lambda server: _expect(server.noop())).unsaid().error

    @classmethod
    def warnings(
        cls, settings: dict[str, Any], secrets: Mapping[str, Any] | None = None
    ) -> Iterator[Problem]:
        if not deployment.EMAIL_HOST:
            yield Problem("", "no_mail_server", NO_SERVER)


def envelope(url: str, beginning: str) -> tuple[list[str], str]:
    """The recipients and the subject of a message, of its request as it was logged."""
    recipients = [unquote(each) for each in url.removeprefix("mailto:").split(",") if each]
    headers = HeaderParser(policy=email.policy.default).parsestr(beginning)
    return recipients, str(headers["Subject"] or "")


def addresses(value: Any, field: str) -> list[Address]:
    """The addresses in a text, `Ann <ann@example.com>, bob@example.com`, or in a list of such."""
    if value is None or value == "":
        return []
    if isinstance(value, list):
        return [found for each in value for found in addresses(each, field)]
    if not isinstance(value, str):
        raise MappingError(field, "", f"Write an e-mail address, not {shown(value)}.")
    return list(_listed(value, field))


def _listed(text: str, field: str) -> Iterator[Address]:
    place = 0
    while place < len(text):
        entry = ENTRY.match(text, place)
        address = entry and (entry["inside"] or entry["bare"])
        whole = address and ADDRESS.fullmatch(address)
        try:
            host = whole["host"].encode("idna").decode() if whole else ""
        except UnicodeError:
            host = ""
        if not (entry and whole and host):
            raise MappingError(field, "", f"{shown(text)} is not an e-mail address.")
        yield Address(_one_line(entry["quoted"] or entry["name"] or ""), whole["user"], host)
        place = entry.end()


class _Refused(Exception):
    """The server understood, and will not take it for some recipient."""


def _message(document: Any, delivery: base.Delivery) -> tuple[EmailMessage, list[str]]:
    """The message as RFC 5322 has it, and its recipients; the same bytes for the same delivery."""
    if not isinstance(document, dict):
        raise MappingError("", "", f"A message is an object: {FORM}.")
    for key in document:
        if key not in KEYS:
            raise MappingError(key, "", f"A message has {', '.join(KEYS)}; there is no {key!r}.")
    subject, body, html = _text(document, "subject"), _text(document, "body"), document.get("html")
    to, cc, reply = (addresses(document.get(key), key) for key in ("to", "cc", "replyTo"))
    recipients = list({each.addr_spec: None for each in (*to, *cc)})
    if not to:
        text = "There is nobody to send to: the mapping found no e-mail address in the document."
        raise MappingError("to", "", text)
    if len(recipients) > MOST_RECIPIENTS:
        text = f"There are {len(recipients)} recipients; a message has at most {MOST_RECIPIENTS}."
        raise MappingError("to", "", text)
    if len(subject) > LONGEST_SUBJECT:
        text = f"The subject has {len(subject)} characters; at most {LONGEST_SUBJECT} can be sent."
        raise MappingError("subject", "", text)

    plain = all(each.addr_spec.isascii() for each in (*to, *cc, *reply))
    message = EmailMessage(
        (email.policy.SMTP if plain else email.policy.SMTPUTF8).clone(cte_type="7bit")
    )
    _, sender = parseaddr(deployment.DEFAULT_FROM_EMAIL)
    if sender:
        message["From"] = addresses(deployment.DEFAULT_FROM_EMAIL, "EMAIL_FROM")
    message["Subject"] = subject
    message["To"] = to
    if cc:
        message["Cc"] = cc
    if reply:
        message["Reply-To"] = reply
    message["Date"] = formatdate(delivery.timestamp, usegmt=True)
    # The same on every attempt: most mailboxes drop the second of two with one id.
    message["Message-ID"] = f"<{delivery.id}@{sender.rpartition('@')[2] or 'otms.invalid'}>"
    message["Auto-Submitted"] = "auto-generated"
    # For who fetches it, to say when it is brought in somewhere.
    message[origin.HEADER] = str(delivery.hops)
    if delivery.test:
        message[base.TEST] = "true"
    _write(message.set_content, body, "body")
    if html is not None:
        _write(message.add_alternative, _text(document, "html"), "html", subtype="html")
        message.set_boundary(f"=_{delivery.id}")
    return message, recipients


def _text(document: dict[str, Any], key: str) -> str:
    text = document.get(key)
    if text == "":
        raise MappingError(key, "", f"The `{key}` is empty: {EMPTY}")
    if not isinstance(text, str):
        raise MappingError(key, "", f"A message needs a text as `{key}`: {FORM}.")
    return _one_line(text) if key == "subject" else text


def _one_line(text: str) -> str:
    """The text as it may stand in a header: nothing in it ends the line.

    Nor does an encoded word (RFC 2047): what it stands for, line ends too, would come out of it on
    the way into the header.
    """
    return re.sub(r"[\x00-\x1f\x7f]", "", " ".join(text.split())).replace("=?", "= ?")


def _write(put: Callable[..., None], text: str, key: str, **how: Any) -> None:
    content = text.encode("utf-8", "replace")
    if len(content) > LARGEST_BODY:
        raise MappingError(
            key, "", f"The `{key}` is {len(content)} bytes; at most 1 MiB can be sent."
        )
    odd = not content.isascii() or re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", content)
    put(content.decode(), cte="quoted-printable" if odd else None, **how)


def _delivered(server: smtplib.SMTP, recipients: list[str], message: bytes) -> bytes:
    """Give the message to the server; what it said when it took it."""
    options = [f"size={len(message)}"] if server.has_extn("size") else []
    if not all(each.isascii() for each in recipients):
        if not server.has_extn("smtputf8"):
            odd = ", ".join(each for each in recipients if not each.isascii())
            raise _Refused(f"The mail server takes no address with such letters: {odd}.")
        options.append("SMTPUTF8")
    _expect(server.mail(parseaddr(deployment.DEFAULT_FROM_EMAIL)[1], options))
    refused: dict[str, tuple[int, bytes]] = {}
    for each in recipients:
        code, said = server.rcpt(each)
        if code not in TAKEN:
            refused[each] = code, said
    for code, said in refused.values():
        if code in TEMPORARY:  # of some or of all: nobody gets it twice because of one
            raise smtplib.SMTPResponseException(code, said)
    words = "; ".join(f"{each}: {_spoken(*answer)}" for each, answer in refused.items())
    if len(refused) == len(recipients):
        raise _Refused(f"The mail server refused {words}.")
    code, said = server.data(message)
    _expect((code, said))
    if refused:
        raise _Refused(f"The mail server took it for the others, but refused {words}.")
    return said


def _expect(answer: tuple[int, bytes]) -> None:
    if answer[0] not in TAKEN:
        raise smtplib.SMTPResponseException(*answer)


def _talked(exchange: Exchange, timeout: float, work: Callable[[smtplib.SMTP], None]) -> Exchange:
    """Work in a session with the mail server; what goes wrong is told in the exchange."""
    started = time.monotonic()
    deadline = started + timeout
    if not deployment.EMAIL_HOST:
        exchange.error_kind, exchange.error = "refused", NO_SERVER
        return exchange
    try:
        with _session(deadline) as server:
            exchange.sent = True
            work(server)
    except (OSError, _Refused, ValueError) as fault:
        if time.monotonic() >= deadline:
            exchange.error_kind = "timeout"
            exchange.error = f"The mail server gave no complete answer within {timeout:g} s."
        else:
            exchange.error_kind, exchange.error = _explained(fault, in_session=exchange.sent)
    exchange.duration_ms = (time.monotonic() - started) * 1000
    return exchange


@contextmanager
def _session(deadline: float) -> Iterator[smtplib.SMTP]:
    """A session with the deployment's mail server, logged in."""
    host, context = deployment.EMAIL_HOST, trust.tls_context()
    with ExitStack() as stack:
        sock = stack.enter_context(_dialled(host, deployment.EMAIL_PORT, deadline))
        stack.enter_context(ended_at(deadline, sock.fileno()))
        if deployment.EMAIL_USE_SSL:
            sock = stack.enter_context(context.wrap_socket(sock, server_hostname=host))
        server = _Line(sock, host)
        stack.callback(server.close)
        if deployment.EMAIL_USE_TLS:
            server.starttls(context=context)
        if deployment.EMAIL_HOST_USER:
            server.login(deployment.EMAIL_HOST_USER, deployment.EMAIL_HOST_PASSWORD)
        server.ehlo_or_helo_if_needed()
        yield server
        with suppress(OSError):  # what was taken is taken, however the session ends
            server.quit()


class _Line(smtplib.SMTP):
    """SMTP over a connection that is there already."""

    def __init__(self, sock: socket.socket, host: str) -> None:
        self._made = sock
        # smtplib would ask the network for a name, for as long as that takes.
        name, own = socket.gethostname(), sock.getsockname()[0]
        literal = f"[IPv6:{own}]" if ":" in own else f"[{own}]"
        super().__init__(host, 25, local_hostname=name if "." in name else literal)

    def _get_socket(self, *_: Any) -> socket.socket:
        return self._made


def _dialled(host: str, port: int, deadline: float) -> socket.socket:
    """A connection to the first address of the host that answers."""
    failure: OSError | None = None
    for info in egress.lookup(host, port, timeout=deadline - time.monotonic()):
        try:
            left = max(deadline - time.monotonic(), 0.001)  # zero would not wait at all
            return socket.create_connection(info[4][:2], timeout=left)
        except OSError as fault:
            failure = fault
    raise failure or OSError(f"{host} has no address")


def _explained(fault: Exception, *, in_session: bool) -> tuple[ErrorKind, str]:
    if isinstance(fault, _Refused):
        return "refused", str(fault)
    if isinstance(fault, smtplib.SMTPServerDisconnected):
        return "lost", "The mail server ended the connection."
    if isinstance(fault, smtplib.SMTPResponseException):
        answer = _spoken(fault.smtp_code, fault.smtp_error)
        if in_session:
            kind: ErrorKind = "busy" if fault.smtp_code in TEMPORARY else "refused"
            return kind, f"The mail server answered {answer}."
        # Not about this message: it is tried again while the operator looks.
        return "busy", f"The mail server lets us not in (see EMAIL_URL): {answer}."
    if isinstance(fault, smtplib.SMTPNotSupportedError):
        return "tls", f"The mail server does not do what EMAIL_URL asks for: {fault}."
    if isinstance(fault, ssl.SSLError):
        reason = getattr(fault, "verify_message", "") or fault.reason or fault
        return "tls", f"No trusted TLS connection to the mail server: {reason}."
    if isinstance(fault, socket.gaierror):
        return "dns", f"The name of the mail server could not be resolved: {fault.strerror}."
    said = " ".join(str(fault).split()) or type(fault).__name__
    return "connect", f"The mail server can't be reached: {said}."


def _spoken(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    said = f"{code} {' '.join(text.split())}".rstrip(" .")
    return said if len(said) <= LONGEST_SAID else f"{said[: LONGEST_SAID - 1]}…"
