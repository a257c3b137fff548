"""A call with an Idempotency-Key has its effect once; repeated, it gets the first answer again.

The answer is stored in the transaction of the effect: there are both, or neither. What was refused
had no effect and is not stored, so a corrected call may come with the same key.
"""

import hashlib
import re
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpResponse
from django.utils.crypto import salted_hmac
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from otms.api.envelope import EnvelopeRenderer
from otms.api.errors import Conflict
from otms.api.models import KeptAnswer
from otms.db.columns import Columns
from otms.db.rows import insert
from otms.db.text import Text

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
LONGEST = 255
KEPT_COLUMNS = Columns(KeptAnswer)
KEPT = KEPT_COLUMNS.where("WHERE call = %(call)s")
LOCKED = Text(
    """
SELECT pg_try_advisory_xact_lock(%(number)s), [columns]
  FROM (SELECT) one LEFT JOIN api_keptanswer ON call = %(call)s
""",
    columns=KEPT_COLUMNS.sql,
)


class InFlight(Conflict):
    default_detail = (
        f"A call with this {HEADER} is being carried out at this moment; ask again for its answer."
    )
    wait = 1


class KeyedCall:
    """A call and its key: who calls, where, and with what."""

    def __init__(self, key: str, request: Any) -> None:
        caller = f"{type(request.user).__name__} {request.user.pk}"
        digest = hashlib.sha256(f"{caller}\n{request.path}\n{key}".encode())
        self.hash = digest.hexdigest()
        self.number = int.from_bytes(digest.digest()[:8], signed=True)
        query = request.META.get("QUERY_STRING", "")
        self._content = f"{query}\n".encode() + _said(request)
        self._old: KeptAnswer | None = None  # of another day

    @classmethod
    def of(cls, request: Any) -> "KeyedCall | None":
        """The call with its key; None when it has none."""
        key = request.headers.get(HEADER)
        if key is None:
            return None
        if not re.fullmatch(f"[!-~]{{1,{LONGEST}}}", key):
            text = f"A key is 1 to {LONGEST} visible ASCII characters without blanks, as a UUID is."
            raise ValidationError({HEADER: text})
        return cls(key, request)

    def begun(self) -> HttpResponse | None:
        """In the transaction of the effect: the first answer again, or nothing and it is ours.

        InFlight where another carries it out at this moment: on PostgreSQL nobody waits for
        another's transaction. SQLite lets one write at a time, so who comes second waits in line as
        all writers do, and finds the answer.

        Who gets the lock may have looked a moment before its last holder kept an answer: then
        there is one when its own is kept, and all of it is rolled back and looked for anew.
        """
        if connection.vendor != "postgresql":
            return self.answered()
        ((taken, *row),) = LOCKED.rows("default", number=self.number, call=self.hash)
        there = row[0] is not None
        found = self._answer(KEPT_COLUMNS.record("default", tuple(row)) if there else None)
        if found is None and not taken:
            raise InFlight
        return found

    def answered(self) -> HttpResponse | None:
        """The first answer again, if there was one in the last day; Conflict for another body."""
        return self._answer(next(iter(KEPT.records("default", call=self.hash)), None))

    def _answer(self, kept: KeptAnswer | None) -> HttpResponse | None:
        self._old = kept
        if kept is None or kept.expired:
            return None
        if kept.content_hash not in map(self._hash_with, _keys()):
            raise Conflict(
                f"This {HEADER} was used with another body in the last 24 hours; "
                "take a new key for a new call."
            )
        answer = self._http(kept.status, kept.answer)
        answer[REPLAYED] = "true"
        return answer

    def keep(self, response: Response) -> HttpResponse:
        """Store an answer with its effect, and give it out as it is stored."""
        if response.status_code >= 400:
            transaction.set_rollback(True)
            return response
        content = EnvelopeRenderer().render(response.data)
        if self._old:
            KeptAnswer.objects.filter(pk=self.hash, created_at=self._old.created_at).delete()
        kept = KeptAnswer(
            call=self.hash,
            content_hash=self._hash_with(settings.SECRET_KEY),
            status=response.status_code,
            answer=content,
        )
        insert([kept], "default")
        return self._http(response.status_code, content)

    def _hash_with(self, key: str) -> str:
        """With a key, because who has the table alone could try what a short body said."""
        return salted_hmac(__name__, self._content, key, algorithm="sha256").hexdigest()

    def _http(self, status: int, content: bytes) -> HttpResponse:
        return HttpResponse(content, status=status, content_type=EnvelopeRenderer.media_type)


def _keys() -> tuple[str, ...]:
    return settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS


def _said(request: Any) -> bytes:
    """The body; of a form without its boundary, which a client draws anew for each attempt."""
    body: bytes = request.body
    is_form = (request.content_type or "").lower().startswith("multipart/")
    boundary = request.content_params.get("boundary", "") if is_form else ""
    return body.replace(boundary.encode("utf-8", "replace"), b"") if boundary else body
