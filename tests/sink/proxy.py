"""An egress proxy: connects who asks with CONNECT, and remembers what it was asked."""

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self


class ProxyServer:
    """Listens on loopback while it is entered; `answer` is what it says instead of connecting."""

    def __init__(self, cert: Path | None = None, *, answer: bytes = b"") -> None:
        self.answer = answer
        self.heads: list[str] = []  # of each request, in order
        self._context: ssl.SSLContext | None = None
        if cert:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(cert)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []

    @property
    def asked(self) -> list[str]:
        """Where it was asked to connect to."""
        return [head.split()[1] for head in self.heads]

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for sock in (self._listening, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listening.accept()
                self._open.append(caller)
                threading.Thread(target=self._carry, args=(caller,), daemon=True).start()

    def _carry(self, caller: socket.socket) -> None:
        with suppress(OSError):
            if self._context:
                caller = self._context.wrap_socket(caller, server_side=True)
                self._open.append(caller)
            head = b""
            while b"\r\n\r\n" not in head:
                if not (data := caller.recv(4096)):
                    return
                head += data
            self.heads.append(head.decode())
            if self.answer:
                caller.sendall(self.answer)
                return
            host, _, port = head.split()[1].decode().rpartition(":")
            target = socket.create_connection((host.strip("[]"), int(port)), timeout=10)
            self._open.append(target)
            caller.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=self._pump, args=(target, caller), daemon=True)
            if self._context:
                # One thread alone may work with a TLS connection: both ways in turn.
                self._pump_in_turn(caller, target)
            else:
                back.start()
                self._pump(caller, target)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _pump_in_turn(self, one: socket.socket, other: socket.socket) -> None:
        one.settimeout(0.01)
        other.settimeout(0.01)
        while True:
            for source, sink in ((one, other), (other, one)):
                try:
                    data = source.recv(65536)
                except TimeoutError:
                    continue
                if not data:
                    return
                sink.sendall(data)
