"""How the receiver answers, chosen by the path: in time or late, whole or broken.

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
/echo[/<any>]             200, the request's body
/parrot/<code>/<name>     that status, and wherever an answer has room for a text all that it
                          was told: in headers, in the query, and what it was taught by name
"""

import asyncio
import base64
import email.utils
import gzip
import html
import io
import json
import random
import socket
import struct
import time
import zlib
from functools import cache
from urllib.parse import parse_qs, quote, urlsplit

from tests.sink.connection import OK, Connection


@cache
def zeros(mebibytes: int) -> bytes:
    """Zeros, compressed a thousandfold."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed:
        for _ in range(mebibytes):
            packed.write(bytes(1024 * 1024))
    return out.getvalue()


class Manners(Connection):
    """What it answers where nobody has to be known."""

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
