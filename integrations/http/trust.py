"""Whom we trust over TLS."""

import ssl
from functools import cache

import certifi


@cache
def tls_context() -> ssl.SSLContext:
    """Decide whom to trust: the system's authorities, and certifi's where the system has none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
