"""Sign what is sent, so that a receiver can tell it came from us and is fresh.

This is Standard Webhooks 1.0.0 (https://www.standardwebhooks.com, spec/standard-webhooks.md in
github.com/standard-webhooks/standard-webhooks): the symmetric scheme `v1`, for which both sides
know a secret, and the asymmetric `v1a` (ed25519), for which the receiver knows a public key and
nothing to keep. Which of them it is, the secret says. A receiver can check both with the published
libraries.
"""

import base64
import binascii
import hashlib
import hmac
import secrets as randomness
import time
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PREFIX = "whsec_"
PRIVATE = "whsk_"
PUBLIC = "whpk_"
SEED = 32  # bytes of an ed25519 key; its public half may stand behind it
SHORTEST = 24  # bytes of a secret, says the standard
SCHEMES = ("v1", "v1a")
TOLERANCE = 300


def new_secret(scheme: str = "v1") -> str:
    """Make a secret nobody can guess, in the spelling the standard asks for."""
    if scheme == "v1a":
        key = Ed25519PrivateKey.generate()
        both = key.private_bytes_raw() + key.public_key().public_bytes_raw()
        return PRIVATE + base64.b64encode(both).decode()
    return PREFIX + base64.b64encode(randomness.token_bytes(SEED)).decode()


def public_key(secret: str) -> str:
    """What a receiver needs to check `v1a`; "" of a secret that both sides have to know."""
    if not secret.strip().startswith(PRIVATE):
        return ""
    return PUBLIC + base64.b64encode(_private_key(secret).public_key().public_bytes_raw()).decode()


def is_weak(secret: str) -> bool:
    """Is it a secret that both sides know, and shorter than the standard asks for?"""
    return not secret.strip().startswith(PRIVATE) and len(_key(secret)) < SHORTEST


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Sign these very bytes under this id and time."""
    content = _content(message_id, timestamp, body)
    if secret.strip().startswith(PRIVATE):
        return "v1a," + base64.b64encode(_private_key(secret).sign(content)).decode()
    digest = hmac.new(_key(secret), content, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(
    secrets: str | Sequence[str], message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """Give the three headers; while a secret is rotated, both sign."""
    keys = [secrets] if isinstance(secrets, str) else secrets
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(key, message_id, timestamp, body) for key in keys),
    }


def verify(
    secret: str,
    message_id: str,
    timestamp: int | str,
    body: bytes,
    signatures: str,
    *,
    now: float | None = None,
    tolerance: float = TOLERANCE,
) -> bool:
    """Tell whether one of the signatures is ours and was made within the tolerance.

    The secret may be a public key: then it is the signatures `v1a` that count.
    """
    try:
        moment = int(timestamp)
    except ValueError:
        return False
    if abs((time.time() if now is None else now) - moment) > tolerance:
        return False
    if secret.strip().startswith(PUBLIC):
        content = _content(message_id, moment, body)
        return any(_is_signed(secret, content, each) for each in signatures.split())
    expected = sign(secret, message_id, moment, body).encode()
    # Every signature is compared, in constant time: how long it takes tells nothing.
    matches = [hmac.compare_digest(expected, each.encode()) for each in signatures.split()]
    return any(matches)


def _content(message_id: str, timestamp: int, body: bytes) -> bytes:
    return f"{message_id}.{timestamp}.".encode() + body


def _is_signed(public: str, content: bytes, signature: str) -> bool:
    scheme, _, encoded = signature.partition(",")
    key = Ed25519PublicKey.from_public_bytes(_decoded(public, PUBLIC))
    try:
        key.verify(base64.b64decode(encoded, validate=True), content)
    except (InvalidSignature, ValueError):
        return False
    return scheme == "v1a"


def _private_key(secret: str) -> Ed25519PrivateKey:
    """The key of a whsk_ secret: its seed, perhaps with the public half behind it."""
    both = _decoded(secret, PRIVATE)
    if len(both) not in (SEED, 2 * SEED):
        raise ValueError("The signing key after whsk_ is no ed25519 key: it has 32 or 64 bytes.")
    key = Ed25519PrivateKey.from_private_bytes(both[:SEED])
    if both[SEED:] not in (b"", key.public_key().public_bytes_raw()):
        raise ValueError("The two halves of the signing key after whsk_ don't belong together.")
    return key


def _key(secret: str) -> bytes:
    """Decode a whsec_ secret; any other text is the key itself."""
    if not secret:
        raise ValueError("The signing secret is empty; make one with new_secret().")
    spelled = secret.strip()  # blanks say nothing around base64, and something in any other text
    if spelled.startswith(PUBLIC):
        raise ValueError("This is a public key: to sign, write the secret one, whsk_.")
    return _decoded(secret, PREFIX) if spelled.startswith(PREFIX) else secret.encode()


def _decoded(secret: str, prefix: str) -> bytes:
    encoded = secret.strip().removeprefix(prefix)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"The signing secret after {prefix} is not base64.") from None
    if not key:
        raise ValueError(f"The signing secret after {prefix} is empty.")
    return key
