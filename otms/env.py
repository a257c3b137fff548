"""What differs between places comes from the environment; only this file reads it."""

import math
import os
from base64 import b64encode
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

MOST_DAYS = 36_500
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
PLANNED_ONCE = 3  # times that a statement is asked of a connection before its plan is kept
OURS = "OTMS_"
NEAR = 0.8  # how much of a name has to be right, for that one to be meant

_asked: set[str] = set()  # the variables that mean something


def text(name: str, default: str | None = None) -> str:
    """The variable, or what the file that NAME_FILE names holds; required without a default."""
    _asked.add(name)
    if name in os.environ:
        return os.environ[name]
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{name}_FILE can't be read: {error}") from None
    if default is None:
        raise ImproperlyConfigured(f"Set the environment variable {name} (or {name}_FILE).")
    return default


def flag(name: str, default: bool) -> bool:
    value = text(name, str(default)).strip().lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off", ""}:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; write true or false.")


def number(name: str, default: float) -> float:
    value = text(name, str(default))
    try:
        found = float(value)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise ImproperlyConfigured(f"{name} is {value!r}; write a number.")
    return found


def amount(name: str, default: int) -> int:
    """How many there may be, or how many bytes; 0 is no limit."""
    found = number(name, default)
    if not 0 <= found < 2**63 or found != int(found):
        raise ImproperlyConfigured(f"{name} is {found:g}; write a whole number, or 0 for no limit.")
    return int(found)


def days(name: str, default: float) -> float:
    """How long something is kept; 0 is for ever."""
    found = number(name, default)
    if not 0 <= found <= MOST_DAYS:
        text = f"{name} is {found:g}; write a number of days up to {MOST_DAYS}, or 0 for ever."
        raise ImproperlyConfigured(text)
    return found


def level(name: str, default: str) -> str:
    """From which level on something is logged."""
    value = text(name, default).strip()
    if value.upper() not in LEVELS:
        these = f"{', '.join(LEVELS[:-1])} or {LEVELS[-1]}"
        raise ImproperlyConfigured(f"{name} is {value!r}; write {these}.")
    return value.upper()


class Rate(NamedTuple):
    """So many in so many seconds."""

    calls: int
    seconds: int


def rate(name: str, default: str) -> Rate | None:
    """`600/min`: so many in a second, minute, hour or day; `off` is no limit."""
    value = text(name, default).strip().lower()
    if value == "off":
        return None
    count, _, period = value.partition("/")
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(period[:1])
    if not (count.isdecimal() and 0 < int(count) <= 10**6 and seconds):
        raise ImproperlyConfigured(f"{name} is {value!r}; write 600/min, 10/s, 1000/hour or off.")
    return Rate(int(count), seconds)


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def folder(name: str, default: str) -> Path:
    """A folder, by default one of the project's; nothing is made by asking for it."""
    project = Path(__file__).resolve().parent.parent
    return Path(text(name, str(project / default))).resolve()


def _origin(value: str) -> str:
    """The origin that is meant by an address, or by a host alone, as browsers write it."""
    try:
        parts = urlsplit(value if "://" in value else f"https://{value}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not host:
        return ""
    usual = {"http": 80, "https": 443}[parts.scheme]
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}{f':{port}' if port not in (None, usual) else ''}"


def origins(name: str, any_host: bool = False) -> list[str]:
    """A list such as `https://a.example`: another spelling would never be that of a browser."""
    found = [each.lower() for each in words(name)]
    for each in found:
        meant = _origin(each)
        if "*" in meant and not any_host:
            raise ImproperlyConfigured(f"{name} has {each!r}; write each origin by itself, no *.")
        if each != meant:
            raise ImproperlyConfigured(
                f"{name} has {each!r}; write {meant or 'https://planning.example.com'}: "
                "scheme and host, nothing behind them."
            )
    return found


def address(name: str) -> str:
    """`https://otms.example.com`, without a slash at its end; nothing where nothing is said."""
    value = text(name, "").strip()
    try:
        parts = urlsplit(value)
        whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        parts, whole = None, False
    if value and (not whole or (parts and (parts.query or parts.fragment))):
        raise ImproperlyConfigured(
            f"{name} is {value!r}; write {_origin(value) or 'https://otms.example.com'}"
        )
    return value.rstrip("/")


def misspelt() -> dict[str, str]:
    """The variables that are set and mean nothing, each with the one that was probably meant."""
    known = {name.removeprefix(OURS): name for name in _asked if name.startswith(OURS)}
    unknown = (name for name in sorted(os.environ) if name.startswith(OURS))
    found = {}
    for name in unknown:
        if (plain := name.removesuffix("_FILE")) in _asked or name in _asked:
            continue
        if near := get_close_matches(plain.removeprefix(OURS), known, n=1, cutoff=NEAR):
            found[name] = known[near[0]] + name[len(plain) :]
    return found


def extended(**variables: str) -> dict[str, str]:
    """The environment with these variables added or replaced, for another process."""
    return {**os.environ, **variables}


def database(url: str) -> dict[str, Any]:
    """Django's database settings for `postgres://user:password@host:port/name` or `sqlite:///path`."""
    parts = urlsplit(url)
    try:
        port = parts.port or ""
    except ValueError:  # as of a password with a slash in it; what is wrong is not repeated
        raise ImproperlyConfigured(
            "DATABASE_URL can't be read; write postgres://user:password@host:5432/name, with %2F "
            "for a / and %40 for an @ in the password."
        ) from None
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "otms.db.sqlite3",
            "NAME": unquote(parts.path[1:] if parts.path.startswith("//") else parts.path),
            # Closing the last connection writes the whole log back: not after every request.
            "CONN_MAX_AGE": 600,
            "OPTIONS": {
                # A transaction takes the write lock when it begins: waiting in line, never
                # "database is locked" half-way. FULL: what was saved survives a power cut.
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    if parts.scheme in {"postgres", "postgresql"}:
        return {
            "ENGINE": "otms.db.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": parts.hostname or "",
            "PORT": str(port),
            "CONN_MAX_AGE": 600,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {
                "connect_timeout": 5,
                "prepare_threshold": PLANNED_ONCE,
                **dict(parse_qsl(parts.query)),
            },
        }
    raise ImproperlyConfigured(
        "DATABASE_URL can't be read; write postgres://user:password@host:5432/name or "
        "sqlite:////absolute/path."
    )


def traces_exporter() -> str:
    """Where OpenTelemetry is told to export spans to, by its own variables; "" for nowhere."""
    chosen = text("OTEL_TRACES_EXPORTER", "").split(",")[0].strip()
    asked = text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", text("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
    if text("OTEL_SDK_DISABLED", "").strip().lower() == "true" or chosen == "none":
        return ""
    if chosen == "otlp" or (asked and not chosen):
        usual = text("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        protocol = text("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", usual)
        return "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    return chosen


class Proxy(NamedTuple):
    """What connects us with the outside."""

    host: str
    port: int
    tls: bool
    authorization: str = ""

    def __repr__(self) -> str:
        """Without what lets us in."""
        return f"Proxy({'https' if self.tls else 'http'}://{self.host}:{self.port})"


def proxy(url: str) -> Proxy | None:
    """Read `http://user:password@host:3128`, or `https://` for a proxy that speaks TLS itself."""
    if not url:
        return None
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    is_bare = parts.path in ("", "/") and not parts.query
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or not is_bare:
        raise ImproperlyConfigured(
            "OTMS_EGRESS_PROXY can't be read; write http://host:3128, or "
            "http://user:password@host:3128 with %40 for an @ in the user or password."
        )
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()
    authorization = f"Basic {b64encode(pair).decode()}" if parts.username else ""
    tls = parts.scheme == "https"
    return Proxy(parts.hostname, port or (443 if tls else 3128), tls, authorization)


class Mail(NamedTuple):
    """Where mail is given to; without a host nothing is sent."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    starttls: bool = True
    tls: bool = False


def mail(url: str) -> Mail:
    """Read `smtp://user:password@host:587`: STARTTLS, or with `smtps://` TLS from the start."""
    if not url:
        return Mail()
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or port == 0:
        raise ImproperlyConfigured(
            "EMAIL_URL can't be read; write smtp://user:password@host:587 or smtps://..., "
            "with %40 for an @ in the user or password."
        )
    tls = parts.scheme == "smtps"
    starttls = not tls and dict(parse_qsl(parts.query)).get("starttls") != "false"
    if parts.password and not (tls or starttls):
        raise ImproperlyConfigured("EMAIL_URL would send its password in the clear.")
    return Mail(
        parts.hostname,
        port or (465 if tls else 587 if starttls else 25),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        starttls,
        tls,
    )
