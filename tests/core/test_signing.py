"""What we sign any Standard Webhooks library accepts, and nothing else passes."""

import base64
import hashlib
import hmac

import pytest

from integrations.core import signing

# The example that the published libraries are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def verify(**changes):
    message = {
        "secret": SECRET,
        "message_id": MESSAGE_ID,
        "timestamp": TIMESTAMP,
        "body": BODY,
        "signatures": SIGNATURE,
        "now": TIMESTAMP,
    }
    return signing.verify(**(message | changes))


def test_the_published_example_has_the_published_signature():
    assert signing.sign(SECRET, MESSAGE_ID, TIMESTAMP, BODY) == SIGNATURE


def test_a_secret_in_plain_words_is_its_own_key():
    content = b"id.5." + b"caf\xc3\xa9"
    digest = hmac.new("sécret".encode(), content, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(digest).decode()
    assert signing.sign("sécret", "id", 5, "café".encode()) == expected


def test_a_signed_message_verifies():
    assert verify()


@pytest.mark.parametrize(
    "change",
    [
        {"body": BODY + b" "},
        {"message_id": "msg_other"},
        {"timestamp": TIMESTAMP + 1},
        {"secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
        {"signatures": ""},
        {"signatures": SIGNATURE.replace("v1,", "v2,")},
        {"signatures": SIGNATURE.removeprefix("v1,")},
        {"signatures": "v1,é"},
        {"timestamp": "soon"},
        {"now": TIMESTAMP + 301},
        {"now": TIMESTAMP - 301},
    ],
)
def test_anything_else_does_not_verify(change):
    assert not verify(**change)


@pytest.mark.parametrize("now", [TIMESTAMP + 300, TIMESTAMP - 300])
def test_a_clock_may_be_off_by_five_minutes(now):
    assert verify(now=now)


def test_the_timestamp_may_come_as_the_text_of_a_header():
    assert verify(timestamp=str(TIMESTAMP))


def test_without_a_clock_the_time_is_now():
    assert not signing.verify(SECRET, MESSAGE_ID, TIMESTAMP, BODY, SIGNATURE)


def test_the_headers_carry_id_time_and_signature():
    assert signing.headers(SECRET, MESSAGE_ID, TIMESTAMP, BODY) == {
        "webhook-id": MESSAGE_ID,
        "webhook-timestamp": str(TIMESTAMP),
        "webhook-signature": SIGNATURE,
    }


def test_while_a_secret_is_rotated_both_the_old_and_the_new_verify():
    old, new = signing.new_secret(), signing.new_secret()
    signatures = signing.headers([new, old], "id", TIMESTAMP, BODY)["webhook-signature"]
    assert len(signatures.split(" ")) == 2
    for secret in (old, new):
        assert verify(secret=secret, message_id="id", signatures=signatures)


def test_a_new_secret_is_long_and_never_the_same():
    secrets = {signing.new_secret() for _ in range(20)}
    assert len(secrets) == 20
    for secret in secrets:
        assert secret.startswith("whsec_")
        assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!", "whsec_é"])
def test_a_secret_that_is_no_key_is_refused(secret):
    with pytest.raises(ValueError, match="secret"):
        signing.sign(secret, "id", 1, b"")


def test_a_secret_without_padding_is_the_same_secret():
    key = base64.b64encode(b"x" * 25).decode()
    padded, bare = f"whsec_{key}", f"whsec_{key.rstrip('=')}"
    assert padded != bare
    assert signing.sign(padded, "id", 1, b"a") == signing.sign(bare, "id", 1, b"a")


def test_blanks_around_base64_say_nothing() -> None:
    secret = signing.new_secret()
    assert signing.sign(f"{secret}\n", "id", 0, b"") == signing.sign(secret, "id", 0, b"")
    assert signing.sign("text\n", "id", 0, b"") != signing.sign("text", "id", 0, b"")


# ed25519: the key pair and the signature that Svix tests its libraries with; the standard shows the
# same signature.
PRIVATE = (
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
ED25519 = (
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
)


def test_the_published_example_of_ed25519_has_the_published_signature() -> None:
    assert signing.sign(PRIVATE, MESSAGE_ID, TIMESTAMP, BODY) == ED25519
    assert signing.public_key(PRIVATE) == PUBLIC
    seed = base64.b64encode(base64.b64decode(PRIVATE.removeprefix("whsk_"))[:32]).decode()
    assert signing.public_key(f"whsk_{seed}\n") == PUBLIC


def test_a_public_key_is_enough_to_verify() -> None:
    assert verify(secret=PUBLIC, signatures=f"{SIGNATURE} {ED25519}")
    for change in (
        {"signatures": SIGNATURE},
        {"signatures": ED25519.replace("v1a,", "v1,")},
        {"signatures": ED25519.replace("h", "g")},
        {"signatures": "v1a,?"},
        {"body": BODY + b" "},
        {"now": TIMESTAMP + 301},
    ):
        assert not verify(**{"secret": PUBLIC, "signatures": ED25519, **change})


def test_both_schemes_sign_together() -> None:
    new, old = signing.new_secret("v1a"), signing.new_secret()
    signatures = signing.headers([new, old], "id", TIMESTAMP, BODY)["webhook-signature"]
    assert [each.partition(",")[0] for each in signatures.split(" ")] == ["v1a", "v1"]
    for secret in (signing.public_key(new), old):
        assert verify(secret=secret, message_id="id", signatures=signatures)
    assert signing.public_key(old) == ""


@pytest.mark.parametrize(
    "secret",
    ["whsk_", "whsk_AAAA", "whsk_?", PUBLIC, "whsk_" + base64.b64encode(bytes(64)).decode()],
)
def test_a_key_that_can_not_sign_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"key|secret"):
        signing.sign(secret, "id", 1, b"")
