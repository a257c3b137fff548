"""Certificates between us and a target over HTTPS: what the setting `tls` means."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.utils.translation import gettext, gettext_noop
from rest_framework import serializers

from integrations.core.errors import Problem
from integrations.http import Tls, tls_context
from otms.api.serializers import WireSerializer

NO_PEM = "There is no {} in here. Write it as PEM: it begins with a line -----BEGIN {}-----"
LONGEST_PEM = 100_000
MOST_DESCRIBED = 5  # certificates of one setting
EXPIRES_SOON = 14  # days


class PemField(serializers.CharField):
    """PEM, over many lines."""

    def __init__(self, **kwargs: Any) -> None:
        style = {"lines": 2}
        super().__init__(
            required=False, max_length=LONGEST_PEM, allow_blank=True, style=style, **kwargs
        )


class TlsSettings(WireSerializer):
    form = (
        '{"certificate": "-----BEGIN CERTIFICATE-----...", "key": "-----BEGIN PRIVATE KEY-----..."}'
    )

    certificate = PemField(
        label=gettext_noop("Client certificate"),
        help_text=gettext_noop(
            "If the target asks for one: PEM, its own first, then those that vouch for it."
        ),
    )
    key = PemField(
        label=gettext_noop("Client key"),
        write_only=True,
        help_text=gettext_noop("The private key of the certificate: PEM, without a passphrase."),
    )
    ca = PemField(
        label=gettext_noop("Certificate authorities"),
        help_text=gettext_noop(
            "Trusted for this target, besides the usual ones: PEM. Certificates are always checked."
        ),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        wrong = {name: [text] for name, text in _problems(Tls(**attrs))}
        if wrong:
            raise serializers.ValidationError(wrong, "invalid")
        return attrs


def of(settings: dict[str, Any], secrets: dict[str, Any]) -> Tls | None:
    """What the target asks for beyond the usual; None for nothing."""
    said = settings.get("tls") or {}
    tls = Tls(said.get("certificate", ""), secrets.get("tls.key", ""), said.get("ca", ""))
    return None if tls == Tls() else tls


def warnings(settings: dict[str, Any]) -> Iterator[Problem]:
    """Certificates that are over, or soon will be."""
    tls = settings.get("tls") or {}
    for name in ("certificate", "ca"):
        if pem := tls.get(name):
            ends = min(each.not_valid_after_utc for each in _certificates(pem))
            if (ends - datetime.now(UTC)).days < EXPIRES_SOON:
                word = "ends" if ends > datetime.now(UTC) else "ended"
                text = f"A certificate in here {word} on {ends:%Y-%m-%d}; replace it."
                yield Problem(f"tls.{name}", "certificate_ends", text)


def described(settings: dict[str, Any]) -> dict[str, str]:
    """Whose the certificates in here are, and when they end, by the names of the settings."""
    tls = settings.get("tls") or {}
    found = {}
    for name in ("certificate", "ca"):
        try:
            known = _certificates(tls.get(name) or "")
        except ValueError:  # nothing there
            continue
        found[f"tls.{name}"] = "; ".join(
            gettext("{name}, until {day}").format(
                name=each.subject.rfc4514_string() or gettext("no name"),
                day=f"{each.not_valid_after_utc:%Y-%m-%d}",
            )
            for each in known[:MOST_DESCRIBED]
        )
    return found


def _certificates(pem: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem.encode())


def _problems(tls: Tls) -> Iterator[tuple[str, str]]:
    found: dict[str, list[x509.Certificate]] = {}
    for name in ("certificate", "ca"):
        if pem := getattr(tls, name):
            try:
                found[name] = _certificates(pem)
            except ValueError:
                yield name, NO_PEM.format("certificate", "CERTIFICATE")
    if "PRIVATE KEY" in tls.certificate:
        yield (
            "certificate",
            "There is a private key in here: it belongs into `key`, which is kept secret.",
        )
    if tls.certificate and not tls.key:
        yield "key", "The certificate needs its private key."
    if tls.key and not tls.certificate:
        yield "certificate", "The key needs its certificate."
    key = None
    if tls.key:
        try:
            key = serialization.load_pem_private_key(tls.key.encode(), None)
        except TypeError:
            yield "key", "The key is encrypted: write it without its passphrase."
        except ValueError:
            yield "key", NO_PEM.format("private key", "PRIVATE KEY")
    if key and (own := found.get("certificate")):
        ours, theirs = (
            each.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            for each in (key.public_key(), own[0].public_key())
        )
        if ours != theirs:
            yield "key", "The key is not that of the first certificate."
            return
    try:
        tls_context(
            tls if key and "certificate" in found else Tls(ca=tls.ca if "ca" in found else "")
        )
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        yield "certificate" if key else "ca", f"It can't be used for TLS: {reason}."
