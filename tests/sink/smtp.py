"""A mail server that keeps what it takes, and answers as badly as it is told to."""

import base64
import email.policy
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any


@dataclass
class Letter:
    """A message with its envelope, and how it came."""

    sender: str
    recipients: list[str]
    content: bytes
    user: str
    tls: bool

    @property
    def message(self) -> EmailMessage:
        found: Any = BytesParser(policy=email.policy.default).parsebytes(self.content)
        return found  # type: ignore[no-any-return]

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        assert part
        return str(part.get_content()).replace("\r\n", "\n")


class MailServer:
    """SMTP on a port of loopback.

    `says` gives answers that are not the usual ones, by the beginning of the command: "CONNECT" is
    the greeting, "." the end of a message, "..." its middle. "hang", "drop" and "drip" (a line now
    and then) are answers too.
    """

    def __init__(self, cert: Path | None = None, *, tls: bool = False) -> None:
        self.letters: list[Letter] = []
        self.commands: list[str] = []
        self.says: dict[str, str] = {}
        self.extensions = ["SIZE 10000000"]
        self.heard_out = False  # somebody waited for all that dripped
        self._context: ssl.SSLContext | None = None
        if cert:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(cert)
        self._tls = tls
        self._stopped = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> "MailServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            sock.settimeout(10)
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        session = _Session(self, sock)
        with suppress(OSError, EOFError):
            if self._tls:
                session.secure()
            session.run()
        session.sock.close()

    def secured(self, sock: socket.socket) -> socket.socket:
        assert self._context
        return self._context.wrap_socket(sock, server_side=True)

    def wait(self, seconds: float) -> None:
        self._stopped.wait(seconds)

    def answer(self, command: str, usual: str) -> str:
        said = [text for begin, text in self.says.items() if command.upper().startswith(begin)]
        answer = said[0] if said else usual
        if answer == "hang":
            self.wait(10)
        if answer in ("hang", "drop"):
            raise EOFError
        return answer


class _Session:
    def __init__(self, server: MailServer, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self.buffer = b""
        self.user = ""
        self.sender = ""
        self.recipients: list[str] = []

    def run(self) -> None:
        self.reply(self.server.answer("CONNECT", "220 mail.example"))
        while True:
            line = self.line().decode().rstrip("\r\n")
            self.server.commands.append(line)
            verb = line.split(" ")[0].split(":")[0].upper()
            getattr(self, f"do_{verb.lower()}")(line)
            if verb == "QUIT":
                return

    def secure(self) -> None:
        self.sock = self.server.secured(self.sock)

    def do_ehlo(self, line: str) -> None:
        names = ["mail.example", *self.server.extensions]
        usual = "\r\n".join(f"250-{name}" for name in names[:-1]) + f"\r\n250 {names[-1]}"
        self.reply(self.server.answer(line, usual))

    def do_starttls(self, line: str) -> None:
        self.reply(self.server.answer(line, "220 go on"))
        self.secure()

    def do_auth(self, line: str) -> None:
        self.user = base64.b64decode(line.split(" ")[2]).decode().split("\0")[1]
        self.reply(self.server.answer(line, "235 welcome"))

    def do_noop(self, line: str) -> None:
        self.reply(self.server.answer(line, "250 nothing done"))

    def do_mail(self, line: str) -> None:
        self.sender, self.recipients = line.split("<")[1].split(">")[0], []
        self.reply(self.server.answer(line, "250 sender"))

    def do_rcpt(self, line: str) -> None:
        answer = self.server.answer(line, "250 recipient")
        if answer.startswith("250"):
            self.recipients.append(line.split("<")[1].split(">")[0])
        self.reply(answer)

    def do_data(self, line: str) -> None:
        self.reply(self.server.answer(line, "354 go on"))
        content = b""
        while (each := self.line()) != b".\r\n":
            content += each.removeprefix(b".")
            self.server.answer("...", "")
        answer = self.server.answer(".", "250 kept as 7")
        if answer.startswith("250"):
            tls = isinstance(self.sock, ssl.SSLSocket)
            self.server.letters.append(
                Letter(self.sender, self.recipients, content, self.user, tls)
            )
        self.reply(answer)

    def do_quit(self, line: str) -> None:
        self.reply(self.server.answer(line, "221 bye"))

    def line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            if not (more := self.sock.recv(65536)):
                raise EOFError
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line + b"\r\n"

    def reply(self, text: str) -> None:
        if text == "drip":
            for _ in range(20):
                self.sock.sendall(b"250-still here\r\n")
                self.server.wait(0.2)
            self.server.heard_out = True
            text = "250 there"
        self.sock.sendall(f"{text}\r\n".encode())
