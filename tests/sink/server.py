"""A receiver whose manners are chosen by the path, and who remembers everything it was sent.

    /ok                       200 and a small JSON body
    /status/<code>            that status
    /retry/<code>/<s>         that status, Retry-After in seconds
    /retrydate/<code>/<s>     the same, Retry-After as a date
    /slow/<ms>                200 after a while
    /slowhead/<ms>            the head of the answer byte by byte
    /hints/<n>                that many interim answers (103), then 200; 0: without end
    /drip/<ms>[/eof]          200, one body byte at a time, 20 in all; with eof, no length is given
    /hang                     never an answer
    /close  /reset            closed without an answer; by FIN or by RST
    /stale                    200 once per connection, then closed without an answer
    /garbage                  bytes that are not HTTP
    /truncate                 1000 bytes promised, 10 sent
    /big/<bytes>              200 with a body of that size
    /chunked/<n>              200 with a body of n chunks
    /badchunks                200, its second chunk has no length
    /latin1                   200, called UTF-8 and is not
    /gzip/<text>              200, compressed whether or not the caller wants it
    /gzipbomb/<MiB>           200, that many MiB of zeros, compressed
    /badgzip                  200, called gzip and is not
    /oddheaders               200, with header values nobody should send
    /redirect/<code>/<path>   that status, Location: /<path>
    /away/<code>/<url>        that status, Location: the URL, quoted
    /loop                     302 to itself
    /failfirst/<n>/<code>     each delivery fails n times, then 200
    /percent/<p>/<code>       p per cent of the deliveries always fail
    /sometimes/<p>/<code>[/<ms>]  p per cent of the attempts fail, by chance; all take up to so long
    /auth/bearer/<token>      200 with that token, else 401
    /auth/basic/<user>/<pw>   200 with that user, else 401
    /token                    an OAuth2 token endpoint
    /oauth/<id>/<secret>[/<s>[/<ms>]]  the same for this client alone: lent-1, lent-2, ... each for
                              s seconds, after a while
    /oauthsays/<status>/<w>   the same, with that error
    /lent/<n>                 200 to the token lent-<n> and those after it, else 401
    /echo[/<any>]             200, the request's body
    /parrot/<code>/<name>     that status, and wherever an answer has room for a text all that it
                              was told: in headers, in the query, and what it was taught by name
    /slack/<secret>           an incoming webhook of Slack; `open` is its secret
    /slack/says/<status>/<w>  the same, with that answer: `no-service` is no_service
    /slack/cannot/post/<w>    404, with the path in its words
    /signed/<secret>          200 if the request bears that secret's signature, else 401

A delivery is told by its `webhook-id` header. Every request counts as an attempt when it is
complete; its delivery counts as delivered when it is answered 2xx.

Control, on the same port: GET /_sink/stats, /_sink/requests, /_sink/ping and
/_sink/wait?n=&timeout=&of=attempts|delivered; POST /_sink/reset, /_sink/answers.
"""

import asyncio
import base64
import email.utils
import gzip
import hmac
import html
import io
import json
import random
import socket
import struct
import time
import zlib
from collections.abc import Callable, Coroutine
from functools import cache
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qs, parse_qsl, quote, unquote, unquote_plus, urlsplit

from tests.sink.memory import Memory, Received


def answer(
    status: int, body: bytes = b'{"ok":true}', kind: str = "application/json", **headers: str
) -> bytes:
    """Put an HTTP answer together; header names are written with underscores."""
    if status in (204, 304):
        body = b""
    phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Status"
    lines = [f"HTTP/1.1 {status} {phrase}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


OK = answer(200)


@cache
def zeros(mebibytes: int) -> bytes:
    """Zeros, compressed a thousandfold."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed:
        for _ in range(mebibytes):
            packed.write(bytes(1024 * 1024))
    return out.getvalue()


class Connection(asyncio.Protocol):
    """One connection: reads requests, answers each according to its path, one after the other."""

    transport: asyncio.Transport
    request: Received  # the last one that was not for the test

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.buffer = b""
        self.busy = False
        self.closed = False
        self.served = 0
        self.head = b""
        self.body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.pump()

    def pump(self) -> None:
        """Answer every complete request in the buffer, unless one is being answered."""
        while self.buffer and not self.busy and not self.closed:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.buffer[:end]
            body = self.read_body(head, end + 4)
            if body is None:
                return
            self.head, self.body = head, body
            self.handle()

    def read_body(self, head: bytes, start: int) -> bytes | None:
        """Take the request's body off the buffer; None while some of it is missing."""
        buffer = self.buffer
        if header(head, b"transfer-encoding"):
            chunks = []
            while True:
                line_end = buffer.find(b"\r\n", start)
                if line_end < 0:
                    return None
                size = int(buffer[start:line_end].split(b";")[0], 16)
                start = line_end + 4 + size
                if len(buffer) < start:
                    return None
                if not size:
                    break
                chunks.append(buffer[line_end + 2 : line_end + 2 + size])
            body, end = b"".join(chunks), start
        else:
            end = start + int(header(head, b"content-length") or 0)
            if len(buffer) < end:
                return None
            body = buffer[start:end]
        self.buffer = buffer[end:]
        return body

    def handle(self) -> None:
        """Remember the request and answer it."""
        path = self.head.split(b" ", 2)[1].decode("latin-1")
        if path.startswith("/_sink/"):
            self.spawn(self.control(path))
            return
        memory = self.memory
        delivery = header(self.head, b"webhook-id")
        self.request = Received(time.time(), self.head, self.body, delivery)
        memory.arrived(self.request)
        if memory.answers:
            path = memory.answers.get(path, path)
        name, *words = path.partition("?")[0].strip("/").split("/")
        try:
            behaviour: Callable[..., Any] = getattr(self, f"do_{name}")
            work = behaviour(*map(unquote, words))
        except (AttributeError, TypeError, ValueError):
            self.reply(404, b'{"error":"no such behaviour"}')
        else:
            if work is not None:
                self.spawn(work)

    def reply(self, status: int, body: bytes = b'{"ok":true}', **headers: str) -> None:
        self.send(answer(status, body, **headers), status)

    def send(self, data: bytes, status: int) -> None:
        """Write the answer and count it, if somebody still listens."""
        if self.closed:
            return
        self.memory.answered(self.request, status)
        self.served += 1
        if self.head.startswith(b"HEAD "):
            data = data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        self.transport.write(data)
        if b"\r\nconnection: close" in self.head.lower():
            self.transport.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes time; later requests on this connection wait for it."""
        self.busy = True
        asyncio.get_running_loop().create_task(work).add_done_callback(self.resume)

    def resume(self, task: asyncio.Task[None]) -> None:
        self.busy = False
        if not task.cancelled():
            task.result()
        self.pump()

    async def control(self, path: str) -> None:
        """Answer the test, not the product."""
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query))
        memory = self.memory
        result: Any = {"ok": True}
        match parts.path.removeprefix("/_sink/"):
            case "stats":
                result = memory.stats()
            case "requests":
                result = [received.as_json() for received in memory.received]
            case "wait":
                result = await self.wait(query)
            case "reset":
                memory.reset()
            case "answers":
                memory.answers.update(json.loads(self.body))
            case "words":
                memory.words |= json.loads(self.body)
        if not self.closed:
            self.transport.write(answer(200, json.dumps(result).encode()))

    async def wait(self, query: dict[str, str]) -> dict[str, Any]:
        """Wait until enough came in, or for as long as one is ready to wait."""
        try:
            async with asyncio.timeout(float(query["timeout"])):
                while self.memory.count(query["of"]) < int(query["n"]):
                    self.memory.changed.clear()
                    await self.memory.changed.wait()
        except TimeoutError:
            pass
        return self.memory.stats()

    def do_ok(self, *_: str) -> None:
        self.send(OK, 200)

    def do_status(self, code: str) -> None:
        self.reply(int(code))

    def do_retry(self, code: str, seconds: str) -> None:
        self.reply(int(code), Retry_After=seconds)

    def do_retrydate(self, code: str, seconds: str) -> None:
        date = email.utils.formatdate(time.time() + float(seconds), usegmt=True)
        self.reply(int(code), Retry_After=date)

    async def do_slow(self, ms: str) -> None:
        await asyncio.sleep(int(ms) / 1000)
        self.send(OK, 200)

    async def do_slowhead(self, ms: str) -> None:
        self.memory.answered(self.request, 200)
        await self.trickle(OK, int(ms))

    async def do_hints(self, n: str) -> None:
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        self.transport.write(hints * int(n))
        while not int(n) and not self.closed:
            self.transport.write(hints * 1000)
            await asyncio.sleep(0.001)
        self.send(OK, 200)

    async def do_drip(self, ms: str, end: str = "length") -> None:
        self.memory.answered(self.request, 200)
        length = b"Content-Length: 20\r\n" if end == "length" else b""
        self.transport.write(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n")
        await self.trickle(b"x" * 20, int(ms))
        if not length:
            self.transport.close()

    async def trickle(self, data: bytes, ms: int) -> None:
        for byte in data:
            await asyncio.sleep(ms / 1000)
            if self.closed:
                return
            self.transport.write(bytes([byte]))

    def do_hang(self) -> None:
        self.busy = True
        self.memory.answered(self.request, 0)

    def do_close(self) -> None:
        self.memory.answered(self.request, 0)
        self.transport.close()

    def do_reset(self) -> None:
        self.memory.answered(self.request, 0)
        sock = self.transport.get_extra_info("socket")
        # A lingering time of zero makes the kernel send RST.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def do_stale(self) -> None:
        if self.served:
            self.do_close()
        else:
            self.do_ok()

    def do_garbage(self) -> None:
        self.send(b"\x00\xffthis is not HTTP\r\n\r\n", 0)
        self.transport.close()

    def do_truncate(self) -> None:
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789", 200)
        self.transport.close()

    async def do_big(self, size: str) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n"
        self.send(head.encode(), 200)
        left, piece = int(size), b"x" * 256 * 1024
        while left and not self.closed:
            self.transport.write(piece[:left])
            left -= len(piece[:left])
            while self.transport.get_write_buffer_size() > len(piece) and not self.closed:
                await asyncio.sleep(0.001)

    def do_chunked(self, count: str) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.send(head + b"5\r\nchunk\r\n" * int(count) + b"0\r\n\r\n", 200)

    def do_badchunks(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.send(head + b"5\r\nchunk\r\nfive\r\nchunk\r\n", 200)

    def do_latin1(self) -> None:
        self.reply(200, b"caf\xe9 \xff\xfe", kind="text/plain; charset=utf-8")

    def do_gzip(self, text: str) -> None:
        self.reply(200, gzip.compress(text.encode()), Content_Encoding="gzip")

    def do_gzipbomb(self, mebibytes: str) -> None:
        self.reply(200, zeros(int(mebibytes)), Content_Encoding="gzip")

    def do_badgzip(self) -> None:
        self.reply(200, b"not compressed at all", Content_Encoding="gzip")

    def do_oddheaders(self) -> None:
        self.reply(
            200, X_Latin="caf\xe9", X_Twice="one\r\nX-Twice: two", X_Bell="a\x07b", Set_Cookie="a=1"
        )

    def do_away(self, code: str, url: str) -> None:
        self.reply(int(code), Location=url)

    def do_redirect(self, code: str, *path: str) -> None:
        self.reply(int(code), Location="/" + "/".join(path))

    def do_loop(self) -> None:
        self.reply(302, Location="/loop")

    def do_failfirst(self, times: str, code: str) -> None:
        failed = self.memory.attempts[self.request.delivery] > int(times)
        self.reply(200 if failed else int(code))

    def do_percent(self, share: str, code: str) -> None:
        unlucky = zlib.crc32(self.request.delivery) % 100 < int(share)
        self.reply(int(code) if unlucky else 200)

    async def do_sometimes(self, share: str, code: str, ms: str = "0") -> None:
        await asyncio.sleep(int(ms) / 1000 * random.random())
        self.reply(int(code) if random.random() * 100 < int(share) else 200)

    def do_auth(self, scheme: str, *secret: str) -> None:
        wanted = ":".join(secret).encode()
        if scheme == "basic":
            wanted = base64.b64encode(wanted)
        given = header(self.head, b"authorization").partition(b" ")
        if given[0].lower() == scheme.encode() and given[2] == wanted:
            self.reply(200)
        else:
            self.reply(401, WWW_Authenticate=scheme.title())

    def do_token(self) -> None:
        token = {"access_token": "sink-token", "token_type": "Bearer", "expires_in": 3600}
        self.reply(200, json.dumps(token).encode())

    async def do_oauth(self, client: str, secret: str, seconds: str = "", ms: str = "0") -> None:
        form = dict(parse_qsl(self.body.decode()))
        given = header(self.head, b"authorization").removeprefix(b"Basic ")
        basic = tuple(map(unquote_plus, base64.b64decode(given).decode().split(":")))
        as_whom = basic if given else (form.get("client_id"), form.get("client_secret"))
        await asyncio.sleep(int(ms) / 1000)
        if as_whom != (client, secret) or form.get("grant_type") != "client_credentials":
            self.reply(401, b'{"error": "invalid_client", "error_description": "Who is that?"}')
            return
        self.memory.lent += 1
        token: dict[str, Any] = {"access_token": f"lent-{self.memory.lent}", "token_type": "bearer"}
        token |= {"expires_in": int(seconds)} if seconds else {}
        self.reply(200, json.dumps(token).encode())

    def do_oauthsays(self, status: str, error: str) -> None:
        self.reply(int(status), json.dumps({"error": error}).encode())

    def do_lent(self, first: str) -> None:
        given = header(self.head, b"authorization").removeprefix(b"Bearer lent-")
        self.reply(200 if given.isdigit() and int(given) >= int(first) else 401, given)

    def do_slack(self, secret: str, status: str = "", said: str = "") -> None:
        if secret == "open":
            text = json.loads(self.body).get("text")
            status, said = ("200", "ok") if text else ("400", "no_text")
        elif secret == "cannot":
            status, said = "404", f"Cannot POST /slack/cannot/post/{said}"
        elif secret == "says":
            said = said.replace("-", "_")
        else:
            status, said = "404", "no_service"
        self.reply(int(status), said.encode(), kind="text/plain")

    def do_signed(self, secret: str) -> None:
        parts = (header(self.head, b"webhook-id"), header(self.head, b"webhook-timestamp"))
        signed = b".".join((*parts, self.body))
        made = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, "sha256")
        wanted = b"v1," + base64.b64encode(made)
        given = header(self.head, b"webhook-signature").split()
        self.reply(200 if wanted in given else 401)

    def do_echo(self, *path: str) -> None:
        self.reply(200, self.body)

    def do_parrot(self, code: str, name: str) -> None:
        heard = self.head.decode("latin-1")
        _, path, _ = heard.split(" ", 2)
        taught = self.memory.words.get(name, [])
        words = " ".join([*taught, *parse_qs(urlsplit(path).query).get("key", [])])
        encoded = base64.b64encode(words.encode()).decode()
        one_line = words.replace("\n", " ")
        head = [
            f"HTTP/1.1 {code} {one_line}",
            f"Location: /{quote(words)}",
            f"X-Words: {one_line}",
            f"Set-Cookie: words={encoded}",
            f"WWW-Authenticate: Wrong realm={one_line}",
        ]
        said = [words, quote(words, safe=""), json.dumps(words), html.escape(words), encoded, heard]
        body = "\n".join(said).encode()
        answer = "\r\n".join([*head, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n" + body
        self.send(answer, int(code))


def header(head: bytes, name: bytes) -> bytes:
    """The value of a header, or nothing."""
    start = head.lower().find(b"\r\n" + name + b":")
    if start < 0:
        return b""
    return head[start + len(name) + 3 :].partition(b"\r\n")[0].strip()
