"""What only who has the keys can read, and only in the place it was written for.

Fernet of `cryptography` (AES-128-CBC with an HMAC-SHA256) has no associated data, so the place is
sealed together with the content: a text that is copied to another row or column can't be opened
there. Sealing uses the first of OTMS_ENCRYPTION_KEYS, opening tries each (decisions/0019).
"""

from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

# For the owner of a record, who has neither the keys nor this machine; what whoever runs it has to
# know is the message of CannotOpen, in the log.
UNREADABLE = "can't be read with the keys of this server; ask whoever runs it."


class CannotOpen(ValueError):
    """None of the keys fits, or it was written for another place; the message names the place."""


def seal(content: bytes, place: str) -> str:
    return cipher().encrypt(place.encode() + b"\n" + content).decode()


def opened(sealed: str | bytes, place: str) -> bytes:
    """The content; what was written before places were sealed too is bound to none."""
    try:
        whole = cipher().decrypt(sealed)
    except InvalidToken:
        raise CannotOpen(
            f"{place} can't be decrypted: none of OTMS_ENCRYPTION_KEYS is the key it was written "
            "with."
        ) from None
    if _is_unbound(whole):
        return whole
    bound, _, content = whole.partition(b"\n")
    if bound != place.encode():
        raise CannotOpen(f"{place} can't be used: it is a copy of {bound.decode()[:200]}.")
    return content


def is_current(sealed: str | bytes) -> bool:
    """Is it sealed with the first key, and bound to a place?"""
    try:
        return not _is_unbound(_fernet(settings.OTMS_ENCRYPTION_KEYS[0]).decrypt(sealed))
    except InvalidToken:
        return False


def _is_unbound(whole: bytes) -> bool:
    return whole.startswith(b"{")  # a JSON object; no place begins like that


def cipher() -> MultiFernet:
    return _cipher(tuple(settings.OTMS_ENCRYPTION_KEYS))


@cache
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([_fernet(key) for key in keys])


@cache
def _fernet(key: str) -> Fernet:
    return Fernet(key)
