"""Sign what is sent, so that a receiver can tell it came from us and is fresh.

This is Standard Webhooks 1.0.0 (https://www.standardwebhooks.com, spec/standard-webhooks.md in
github.com/standard-webhooks/standard-webhooks), the symmetric scheme `v1`. A receiver can check
it with any of the published libraries.
"""

import base64
import binascii
import hashlib
import hmac
import secrets as randomness
import time
from collections.abc import Sequence

PREFIX = "whsec_"
TOLERANCE = 300


def new_secret() -> str:
    """Make a secret nobody can guess, in the spelling the standard asks for."""
    return PREFIX + base64.b64encode(randomness.token_bytes(32)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Sign these very bytes under this id and time."""
    content = f"{message_id}.{timestamp}.".encode() + body
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
    """Tell whether one of the signatures is ours and was made within the tolerance."""
    try:
        moment = int(timestamp)
    except ValueError:
        return False
    if abs((time.time() if now is None else now) - moment) > tolerance:
        return False
    expected = sign(secret, message_id, moment, body).encode()
    # Every signature is compared, in constant time: how long it takes tells nothing.
    matches = [hmac.compare_digest(expected, each.encode()) for each in signatures.split()]
    return any(matches)


def _key(secret: str) -> bytes:
    """Decode a whsec_ secret; any other text is the key itself."""
    if not secret:
        raise ValueError("The signing secret is empty; make one with new_secret().")
    spelled = secret.strip()  # blanks say nothing around base64, and something in any other text
    if not spelled.startswith(PREFIX):
        return secret.encode()
    encoded = spelled.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("The signing secret after whsec_ is not base64.") from None
    if not key:
        raise ValueError("The signing secret after whsec_ is empty.")
    return key
