"""Logins in the admin: Django's sessions, with their keys kept as hashes.

The key is what the cookie holds. In clear, a copy of the table would let its reader in.
"""

import hashlib
from typing import Any

from django.contrib.sessions.backends import db
from django.utils.timezone import now


class SessionStore(db.SessionStore):
    def _get_session_from_db(self) -> Any:
        key = _kept(str(self.session_key))
        found = self.model.objects.filter(session_key=key, expire_date__gt=now()).first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        return super().exists(_kept(session_key))

    def create_model_instance(self, data: Any) -> Any:
        session = super().create_model_instance(data)
        session.session_key = _kept(session.session_key)
        return session

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            super().delete(_kept(key))


def _kept(key: str) -> str:
    """What is kept of a key: random and long, so a plain hash can't be searched; 160 bits of it."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]
