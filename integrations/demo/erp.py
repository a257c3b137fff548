"""The demo's ERP: a small receiver in a process of its own, which tells what it got.

    python -m integrations.demo.erp --port 9000

The first line of its output is the port (9000, or another one if that is taken); then comes one
line of JSON for each request. The first line of its input is the secret that deliveries are signed
with; when the input ends, so does the ERP. Nobody has to remember to stop it.
"""

import argparse
import json
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from integrations.core import signing

HOST = "127.0.0.1"


class Receiver(BaseHTTPRequestHandler):
    """Takes every POST, whatever its path, and says so."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    secret = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        received = {
            "at": time.time(),
            "path": self.path,
            "signature": self.verdict(body),
            "body": body.decode("utf-8", "replace"),
        }
        _tell(json.dumps(received))
        answer = b'{"received": true}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def verdict(self, body: bytes) -> str:
        """What a receiver must ask first: does this come from us, and is it fresh?"""
        if "webhook-signature" not in self.headers:
            return "not signed"
        genuine = signing.verify(
            self.secret,
            self.headers["webhook-id"],
            self.headers["webhook-timestamp"],
            body,
            self.headers["webhook-signature"],
        )
        return "signature verified" if genuine else "signed with a secret this ERP does not have"

    def log_message(self, *_: object) -> None:
        """The lines of JSON tell it already."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    # Ctrl-C in a terminal reaches every process; the ERP stays until the last delivery is through.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Receiver.secret = sys.stdin.readline().strip()
    server = _listen(parser.parse_args().port)
    _tell(str(server.server_port))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


def _listen(port: int) -> ThreadingHTTPServer:
    try:
        return ThreadingHTTPServer((HOST, port), Receiver)
    except OSError:
        return ThreadingHTTPServer((HOST, 0), Receiver)


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
