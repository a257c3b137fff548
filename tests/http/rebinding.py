"""Names that change where they lead, asked of the system's resolver: run by test_battery.py.

It runs in namespaces of its own, where it may have a public address on loopback, a DNS server on
port 53 and an /etc/resolv.conf, and nothing leaves. What it saw is printed as JSON.
"""

import asyncio
import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
import tempfile
import threading
from collections import Counter
from typing import Any

import django
import uvloop

OUTSIDE, INSIDE, PORT = "93.184.216.34", "127.0.0.1", 8080
SIOCSIFADDR, SIOCSIFFLAGS, UP = 0x8916, 0x8914, 0x1 | 0x40
MS_BIND = 4096
A = 1

asked: Counter[str] = Counter()
came: Counter[str] = Counter()


def set_up_network() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for name, address in (("lo", INSIDE), ("lo:1", OUTSIDE)):
            where = struct.pack("16sH2s4s8s", name.encode(), 2, b"", socket.inet_aton(address), b"")
            fcntl.ioctl(sock, SIOCSIFADDR, where)
            fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14s", name.encode(), UP, b""))


def use_resolver() -> None:
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write(f"nameserver {INSIDE}\n")
    target = os.path.realpath("/etc/resolv.conf")
    if ctypes.CDLL(None, use_errno=True).mount(
        file.name.encode(), target.encode(), None, MS_BIND, None
    ):
        raise OSError(ctypes.get_errno(), "resolv.conf can't be mounted")
    os.unlink(file.name)


def addresses(name: str) -> list[str]:
    """Where a name leads, this time."""
    asked[name] += 1
    match name.partition("-")[0]:
        case "both":
            return [INSIDE, OUTSIDE]
        case "moves":
            return [OUTSIDE] if asked[name] == 1 else [INSIDE]
    return [OUTSIDE]


def answer_names(sock: socket.socket) -> None:
    """A DNS server: nothing it says may be kept."""
    while True:
        question, caller = sock.recvfrom(512)
        place, labels = 12, []
        while size := question[place]:
            labels.append(question[place + 1 : place + 1 + size].decode())
            place += size + 1
        (kind,) = struct.unpack("!H", question[place + 1 : place + 3])
        found = addresses(".".join(labels).lower()) if kind == A else []
        head = question[:2] + struct.pack("!HHHHH", 0x8180, 1, len(found), 0, 0)
        records = (
            b"\xc0\x0c" + struct.pack("!HHIH", A, 1, 0, 4) + socket.inet_aton(each)
            for each in found
        )
        sock.sendto(head + question[12 : place + 5] + b"".join(records), caller)


def answer_calls(server: socket.socket, where: str) -> None:
    while True:
        sock, _ = server.accept()
        came[where] += 1
        with sock:
            sock.recv(65536)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


def engines() -> dict[str, Any]:
    from integrations import http

    def window(factory: Any) -> Any:
        async def sent(request: http.Request) -> http.Exchange:
            made = http.Window()
            try:
                return await made.send(request, timeout=5)
            finally:
                await made.close()

        def send(request: http.Request) -> http.Exchange:
            with asyncio.Runner(loop_factory=factory) as runner:
                return runner.run(sent(request))

        return send

    return {
        "call": lambda request: http.call(request, timeout=5),
        "window": window(None),
        "window on uvloop": window(uvloop.new_event_loop),
    }


def main() -> None:
    set_up_network()
    use_resolver()
    resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    resolver.bind((INSIDE, 53))
    threading.Thread(target=answer_names, args=(resolver,), daemon=True).start()
    for where in (OUTSIDE, INSIDE):
        server = socket.create_server((where, PORT))
        threading.Thread(target=answer_calls, args=(server, where), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "otms.settings", "OTMS_VAR": folder}
        os.environ |= {"DATABASE_URL": "", "OTMS_EGRESS_ALLOW": ""}
        django.setup()
        found = {name: seen(send, name.split()[-1]) for name, send in engines().items()}
    total = {"questions": asked.total(), "inside": came[INSIDE], "engines": found}
    sys.stdout.write(json.dumps(total))
    sys.stdout.flush()
    os._exit(0)


def seen(send: Any, engine: str) -> dict[str, Any]:
    from integrations import egress
    from integrations.http import Request

    def called(name: str, *, saved: bool = False) -> dict[str, Any]:
        url = f"http://{name}-{engine}.test:{PORT}/"
        if saved:
            egress.check_url(url)
        before = came.copy()
        exchange = send(Request("POST", url, {}, b"{}"))
        new = came - before
        return {"outside": new[OUTSIDE], "inside": new[INSIDE], "said": exchange.error_kind}

    return {
        "stays outside": called("stays"),
        "moves inside after it was saved": called("moves-saved", saved=True),
        "leads both ways": called("both"),
        "moves inside with every question": called("moves-called"),
    }


if __name__ == "__main__":
    main()
