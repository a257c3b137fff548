"""Where the receiver wants to know who calls, or that it was signed.

/auth/bearer/<token>      200 with that token, else 401
/auth/basic/<user>/<pw>   200 with that user, else 401
/token                    an OAuth2 token endpoint
/oauth/<id>/<secret>[/<s>[/<ms>]]  the same for this client alone: lent-1, lent-2, ... each for
                          s seconds, after a while
/oauthsays/<status>/<w>   the same, with that error
/lent/<n>                 200 to the token lent-<n> and those after it, else 401
/slack/<secret>           an incoming webhook of Slack; `open` is its secret
/slack/says/<status>/<w>  the same, with that answer: `no-service` is no_service
/slack/cannot/post/<w>    404, with the path in its words
/signed/<secret>          200 if the request bears that secret's signature, else 401
"""

import asyncio
import base64
import hmac
import json
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from tests.sink.connection import Connection, header


class Door(Connection):
    """What it answers to who says who it is."""

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
