"""Targets with authorities of their own, and those that ask for our certificate."""

import datetime
import ipaddress
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from integrations.connectors import webhook
from integrations.connectors.base import Delivery
from integrations.http import Request, Tls, trust
from tests.http.conftest import Door
from tests.sink import Sink


class Pair(NamedTuple):
    """A certificate and its key, as PEM."""

    certificate: str
    key: str


def issued(name: str, by: Pair | None = None, *, days: int = 1, authority: bool = False) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, signer = subject, key
    if by:
        issuer = x509.load_pem_x509_certificate(by.certificate.encode()).subject
        signer = serialization.load_pem_private_key(by.key.encode(), None)  # type: ignore[assignment]
    now = datetime.datetime.now(datetime.UTC)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    theirs = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    made = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(own, critical=False)
        .add_extension(theirs, critical=False)
    )
    if authority:
        usage = x509.KeyUsage(*(False, False, False, False, False, True, True, False, False))
        made = made.add_extension(usage, critical=True)
    else:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        made = made.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return Pair(
        made.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode(),
        pem(key),
    )


def pem(key: Any, password: bytes | None = None) -> str:
    protection: Any = serialization.NoEncryption()
    if password:
        protection = serialization.BestAvailableEncryption(password)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    text: bytes = key.private_bytes(*form, protection)
    return text.decode()


AUTHORITY = issued("an authority", authority=True)
SERVER = issued("server", AUTHORITY)
CLIENT = issued("otms", AUTHORITY)
UNTRUSTED = "(self-signed certificate|unable to get local issuer).*write who issued it into tls.ca"
STRANGER = issued("stranger", issued("another authority", authority=True))


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    """A target that lets in who shows a certificate of its authority."""
    folder = tmp_path_factory.mktemp("tls")
    served, known = folder / "server.pem", folder / "ca.pem"
    served.write_text(SERVER.key + SERVER.certificate)
    known.write_text(AUTHORITY.certificate)
    sink = Asked(cert=served, client_ca=known)
    yield sink
    sink.stop()


class Asked(Sink):
    """The receiver, which the test asks with a certificate too."""

    def _ask(self, method: str, path: str, body: str | None = None, timeout: float = 10) -> Any:
        raise AssertionError("ask over the door")


def post(sink: Sink, tls: Tls | None) -> Request:
    return Request("POST", sink.url(), {}, b"{}", tls=tls)


def test_a_client_certificate_and_an_authority_of_its_own_let_us_in(
    door: Door, asking: Sink
) -> None:
    tls = Tls(CLIENT.certificate, CLIENT.key, AUTHORITY.certificate)
    for _ in range(2):
        exchange = door(post(asking, tls))
        assert (exchange.status, exchange.error) == (200, "")


@pytest.mark.parametrize(
    ("tls", "words"),
    [
        (None, UNTRUSTED),
        (Tls(CLIENT.certificate, CLIENT.key), UNTRUSTED),
        (Tls(CLIENT.certificate, CLIENT.key, STRANGER.certificate), UNTRUSTED),
        (Tls(ca=AUTHORITY.certificate), "closed before|certificate: tls.certificate and tls.key"),
        (
            Tls(STRANGER.certificate, STRANGER.key, AUTHORITY.certificate),
            "closed before|unknown.ca|No trusted TLS",
        ),
    ],
)
def test_without_them_nothing_is_delivered(
    door: Door, asking: Sink, tls: Tls | None, words: str
) -> None:
    exchange = door(post(asking, tls))
    assert exchange.status is None
    assert exchange.error_kind in ("tls", "lost")
    assert re.search(words, exchange.error, re.I), exchange.error


def test_calls_with_another_certificate_share_no_connection(door: Door, asking: Sink) -> None:
    good = Tls(CLIENT.certificate, CLIENT.key, AUTHORITY.certificate)
    assert door(post(asking, good)).status == 200
    assert door(post(asking, Tls(ca=AUTHORITY.certificate))).status is None
    assert door(post(asking, good)).status == 200


def test_contexts_are_made_once_for_what_is_in_them() -> None:
    one, same = (Tls(CLIENT.certificate, CLIENT.key) for _ in range(2))
    assert trust.tls_context(one) is trust.tls_context(same)
    assert trust.tls_context(one) is not trust.tls_context(Tls(ca=AUTHORITY.certificate))
    assert trust.tls_context(Tls()) is trust.tls_context(None)
    assert "BEGIN" not in repr(one)


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_key_leaves_no_file_behind(
    in_memory: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create")
    elif not hasattr(os, "memfd_create"):
        pytest.skip("no files in memory here")
    before = sorted(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else []
    trust._own.__wrapped__(Tls(CLIENT.certificate, CLIENT.key))
    assert not list(tmp_path.iterdir())
    assert before == (sorted(os.listdir("/proc/self/fd")) if before else [])


def problems(url: str = "https://8.8.8.8/", **tls: str) -> dict[str, str]:
    secrets = {"tls.key": tls.pop("key")} if "key" in tls else {}
    found = webhook.Connector.problems({"url": url, "tls": tls}, secrets)
    return {each.field: each.message for each in found}


ENCRYPTED = pem(ec.generate_private_key(ec.SECP256R1()), b"passphrase")


@pytest.mark.parametrize(
    ("tls", "field", "words"),
    [
        ({"certificate": "nonsense", "key": CLIENT.key}, "tls.certificate", "no certificate"),
        ({"certificate": CLIENT.certificate}, "tls.key", "needs its private key"),
        ({"key": CLIENT.key}, "tls.certificate", "needs its certificate"),
        ({"certificate": CLIENT.certificate, "key": "nonsense"}, "tls.key", "no private key"),
        ({"certificate": CLIENT.certificate, "key": ENCRYPTED}, "tls.key", "encrypted"),
        (
            {"certificate": CLIENT.certificate, "key": SERVER.key},
            "tls.key",
            "not that of the first",
        ),
        (
            {"certificate": CLIENT.certificate + CLIENT.key, "key": CLIENT.key},
            "tls.certificate",
            "belongs into `key`",
        ),
        ({"ca": CLIENT.key}, "tls.ca", "no certificate"),
        ({"ca": AUTHORITY.certificate, "url": "http://8.8.8.8/"}, "url", "write https://"),
        ({"verify": "false"}, "tls.verify", "There is no field"),
    ],
)
def test_what_can_not_be_used_is_refused_at_its_field(
    tls: dict[str, str], field: str, words: str
) -> None:
    found = problems(**tls)
    assert words in found[field]
    for text in found.values():
        assert "PRIVATE KEY-----\nM" not in text


def test_a_certificate_with_its_key_may_be_saved() -> None:
    chain = CLIENT.certificate + AUTHORITY.certificate
    assert problems(certificate=chain, key=CLIENT.key, ca=AUTHORITY.certificate) == {}


@pytest.mark.parametrize(("days", "words"), [(5, "ends on"), (-1, "ended on"), (90, "")])
def test_a_certificate_that_ends_soon_is_warned_of(days: int, words: str) -> None:
    made = issued("otms", AUTHORITY, days=days)
    tls = {"certificate": made.certificate}
    found = list(webhook.Connector.warnings({"url": "https://8.8.8.8/", "tls": tls}))
    assert [each.field for each in found] == (["tls.certificate"] if words else [])
    assert words in "".join(each.message for each in found)


def test_a_webhook_shows_the_certificate_to_its_target(door: Door, asking: Sink) -> None:
    settings = {
        "url": asking.url(),
        "tls": {"certificate": CLIENT.certificate, "ca": AUTHORITY.certificate},
    }
    made = webhook.Connector(settings, {"tls.key": CLIENT.key})
    assert door(made.request({}, Delivery.trial())).status == 200
    assert made.check(timeout=30) == ""
