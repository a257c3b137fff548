"""Run the receiver as a process: `python -m tests.sink --port 9900`."""

import argparse
import asyncio
import ssl
import sys

import uvloop

from tests.sink.memory import Memory
from tests.sink.server import Receiver


def main() -> None:
    """Listen until killed; the first line of output says on which port."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--keep", type=int, default=1000, help="requests remembered in full")
    parser.add_argument("--cert", help="serve TLS with this PEM file (certificate and key)")
    parser.add_argument("--client-ca", help="let in who shows a certificate of these authorities")
    options = parser.parse_args()
    uvloop.run(serve(options))


async def serve(options: argparse.Namespace) -> None:
    """Serve until the task is cancelled."""
    context = None
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert)
    if context and options.client_ca:
        context.load_verify_locations(options.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    memory = Memory(options.keep)
    server = await asyncio.get_running_loop().create_server(
        lambda: Receiver(memory), options.host, options.port, ssl=context, backlog=1024
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    main()
