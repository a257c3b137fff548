"""Every way out dials where the guard in egress.py has looked: new ones are found here."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What opens connections, and why that is right.
MAY = {
    "integrations/egress.py": "the guard itself",
    "integrations/http/tunnel.py": "to the operator's proxy, for an address that was checked",
    "integrations/connectors/email.py": "to the mail server of the deployment, which nobody types",
    "integrations/connectors/postgresql.py": "to what egress.dialable() gave",
    "otms/accounts/management/commands/invite.py": "names smtplib's error; Django dials, as above",
    "otms/readiness.py": "to our own database and broker, which nobody types",
    "integrations/management/commands/demo.py": "to see whether a port is free",
}
OPENS = {"create_connection", "sock_connect", "connect", "connect_ex", "open_connection"}
LIBRARIES = {"smtplib", "ftplib", "imaplib", "poplib", "paramiko", "telnetlib", "httpx", "pycurl"}


def opens_connections(source: str) -> bool:
    """Does it open a socket or connect one, or have a library do so?"""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import) and LIBRARIES & {name.name for name in node.names}:
            return True
        if isinstance(node, ast.ImportFrom) and node.module in LIBRARIES:
            return True
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        whose = ast.unparse(node.func.value)
        # Signals are connected too, and a class connects by its parent.
        counts = node.func.attr != "connect" or re.search(
            "sock|line|connection|client", whose, re.I
        )
        if node.func.attr in OPENS and counts and whose not in ("super()", "egress"):
            return True
        named = {keyword.arg for keyword in node.keywords}
        if ast.unparse(node.func) == "socket.socket" and "fileno" not in named:
            return True
    return False


def test_only_these_open_connections() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in ("integrations", "otms")
        for path in (ROOT / folder).rglob("*.py")
        if opens_connections(path.read_text(encoding="utf-8"))
    }
    assert found == set(MAY)


def test_an_opened_connection_is_found() -> None:
    for source in (
        "import socket\nsocket.create_connection(('a', 1))",
        "from socket import socket\nsock.connect(('a', 1))",
        "import asyncio\nasyncio.open_connection('a', 1)",
        "import ftplib",
    ):
        assert opens_connections(source)
    assert not opens_connections("post_save.connect(heard)\nsocket.socket(fileno=1)")
