"""One settings module for every place; what differs comes from the environment (env.py).

Without any variable this is the embedded default: SQLite and an in-process broker, keys made once
and kept in the data folder. docs/reference/settings.md lists every variable.
"""

import re
import secrets
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from kombu import Exchange, Queue

from otms import console, env, log
from otms.api import conf

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = env.folder("OTMS_VAR", "var")
DATABASE_URL = env.text("DATABASE_URL", "")
EMBEDDED = not DATABASE_URL


def _kept_key(name: str, new: str) -> str:
    """A key of the embedded default: made at the first start, kept in the data folder."""
    path = VAR / name
    if not path.exists():
        VAR.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(new, encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()


def _no_key(name: str, made_with: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"With a DATABASE_URL there must be a {name} too (or {name}_FILE). Make one, and keep it: "
        f".venv/bin/python -c '{made_with}'"
    )


# Keys. A deployment with a database of its own brings its own keys too.
SECRET_KEY = env.text("SECRET_KEY", "").strip()
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
OTMS_ENCRYPTION_KEYS = env.words("OTMS_ENCRYPTION_KEYS")
if EMBEDDED:
    SECRET_KEY = SECRET_KEY or _kept_key("secret.key", secrets.token_urlsafe(60))
    OTMS_ENCRYPTION_KEYS = OTMS_ENCRYPTION_KEYS or [
        _kept_key("encryption.key", Fernet.generate_key().decode())
    ]
elif not SECRET_KEY:
    raise _no_key("SECRET_KEY", "import secrets; print(secrets.token_urlsafe(60))")
elif not OTMS_ENCRYPTION_KEYS:
    raise _no_key(
        "OTMS_ENCRYPTION_KEYS",
        "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())",
    )
for _number, _key in enumerate(OTMS_ENCRYPTION_KEYS, 1):
    try:
        Fernet(_key)
    except ValueError:
        raise ImproperlyConfigured(
            f"OTMS_ENCRYPTION_KEYS: number {_number} in the list is no key; a key is made with "
            "cryptography.fernet.Fernet.generate_key()."
        ) from None

DEBUG = False
ALLOWED_HOSTS = env.words("OTMS_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
HTTPS = env.flag("OTMS_HTTPS", not EMBEDDED)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
# Into the lists that browsers are shipped with a domain is put by its owner, not by a default.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
# Who asks these comes from inside, past the proxy; a redirect would not unsend a token either.
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]
if env.flag("OTMS_BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CSRF_TRUSTED_ORIGINS = env.origins("OTMS_TRUSTED_ORIGINS", any_host=True)
SESSION_ENGINE = "otms.accounts.session_store"
SESSION_COOKIE_AGE = 12 * 3600
if HTTPS:  # browsers keep such a cookie for this host alone, and take it over TLS alone
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
CSRF_COOKIE_HTTPONLY = True  # forms carry the token
OTMS_CORS_ORIGINS = env.origins("OTMS_CORS_ORIGINS")
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "django_celery_beat",
    "django_ace",
    "otms.api",
    "otms.accounts",
    "otms.orders",
    "integrations",
]
MIDDLEWARE = [
    "otms.api.request_id.RequestIdMiddleware",
    "otms.tracing.TracingMiddleware",
    "otms.headers.HeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "otms.accounts.browser.BrowserLogins",
    "otms.accounts.zone.ViewersZone",
    "otms.accounts.language.ViewersLanguage",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "otms.accounts.actor.of_request",
    "integrations.core.origin.of_request",
]
MESSAGE_STORAGE = "otms.accounts.flash.KeptTillShown"
ROOT_URLCONF = "otms.urls"
WSGI_APPLICATION = "otms.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": env.database(DATABASE_URL or f"sqlite://{VAR / 'otms.sqlite3'}")}
DATABASES["default"]["TEST"] = {"NAME": env.text("OTMS_TEST_DATABASE", "") or None}
if EMBEDDED:
    VAR.mkdir(mode=0o700, parents=True, exist_ok=True)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
LOGIN_REDIRECT_URL = "admin:index"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
] + [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "otms.accounts.passwords.AnotherPassword"},
]
OTMS_REQUIRE_SECOND_FACTOR = env.text("OTMS_REQUIRE_SECOND_FACTOR", "").strip().lower()
if OTMS_REQUIRE_SECOND_FACTOR not in ("", "staff"):
    raise ImproperlyConfigured(
        "OTMS_REQUIRE_SECOND_FACTOR is neither empty nor staff, which wants one of whoever may use "
        "the admin."
    )

# Mail to people. Without EMAIL_URL nothing is sent, and links are handed over by people.
_mail = env.mail(env.text("EMAIL_URL", ""))
EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.starttls, _mail.tls
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", EMAIL_HOST_USER if "@" in EMAIL_HOST_USER else "")
if EMAIL_HOST and not DEFAULT_FROM_EMAIL:
    raise ImproperlyConfigured("With an EMAIL_URL there must be an EMAIL_FROM: otms@example.com")
OTMS_OPERATOR_EMAILS = env.words("OTMS_OPERATOR_EMAILS")
OTMS_PUBLIC_URL = env.address("OTMS_PUBLIC_URL")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("nl", "Nederlands"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "otms" / "locale"]
LANGUAGE_COOKIE_NAME = "otms_language"
LANGUAGE_COOKIE_SECURE, LANGUAGE_COOKIE_HTTPONLY, LANGUAGE_COOKIE_SAMESITE = HTTPS, True, "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
FORMAT_MODULE_PATH = "otms.formats"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
# Where collectstatic put the files; without it they are served from where they are installed.
STATIC_ROOT = env.text("OTMS_STATIC_ROOT", "") or None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_ALLOW_ALL_ORIGINS = False

REST_FRAMEWORK, SPECTACULAR_SETTINGS = conf.REST_FRAMEWORK, conf.SPECTACULAR_SETTINGS
# How often one caller may call. Dearer are the calls that do more than look and write a record.
OTMS_CALLER_RATE = env.rate("OTMS_CALLER_RATE", "600/min")
OTMS_HEAVY_RATE = env.rate("OTMS_HEAVY_RATE", "120/min")
OTMS_NOBODY_RATE = env.rate("OTMS_NOBODY_RATE", "60/min")
DATA_UPLOAD_MAX_MEMORY_SIZE = int(env.number("OTMS_MAX_BODY_MB", 10) * 1024 * 1024)
FILE_UPLOAD_MAX_MEMORY_SIZE = DATA_UPLOAD_MAX_MEMORY_SIZE  # it is in memory anyway: no copy on disk
DATA_UPLOAD_MAX_NUMBER_FILES = 5  # one is taken; of a few more the wrong field is named

# Celery carries hints only: every message may vanish or repeat without harm.
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", "memory://localhost")
CELERY_TASK_IGNORE_RESULT = True
# So nothing is acknowledged either: a worker ends itself when it acknowledges what came from a
# broker that has just gone (kombu: "'NoneType' object has no attribute 'hostname'").
CELERY_TASK_QUEUES = [Queue("celery", Exchange("celery"), "celery", no_ack=True)]
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_max": 0.2}
if CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, float] = {
        "visibility_timeout": 300,
        "socket_connect_timeout": 2,
        "socket_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 15,
    }
elif CELERY_BROKER_URL.startswith("memory"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {"polling_interval": 0.01}  # by itself it looks once a second
CELERY_BEAT_SYNC_EVERY = 1  # what was sent is written down at once: beat's health is read there
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# What beat has done again and again, and how often, in seconds; a tick that nobody took in time is
# let go, because the next one is as good.
_TICKS = {
    "process the queue": ("integrations.tasks.process_queue", 10.0),
    "carry out imports": ("integrations.tasks.carry_out_imports", 10.0),
    "carry out erasures": ("integrations.tasks.carry_out_erasures", 10.0),
    "send alerts": ("integrations.tasks.send_alerts", 10.0),
    "carry out replays": ("integrations.tasks.carry_out_replays", 10.0),
    "measure how full it is": ("integrations.tasks.measure_pressure", 10.0),
    "forget old history": ("integrations.tasks.forget_history", 600.0),
    "forget kept answers": ("otms.api.tasks.prune", 600.0),
    "forget sessions that are over": ("otms.accounts.tasks.prune", 3600.0),
}
CELERY_BEAT_SCHEDULE = {
    name: {"task": task, "schedule": every, "options": {"expires": every}}
    for name, (task, every) in _TICKS.items()
}
CELERY_TIMEZONE = "UTC"

# Delivery.
OTMS_EGRESS_ALLOW = env.words("OTMS_EGRESS_ALLOW")
OTMS_EGRESS_PROXY = env.proxy(env.text("OTMS_EGRESS_PROXY", ""))
OTMS_EGRESS_DIRECT = env.words("OTMS_EGRESS_DIRECT")
OTMS_WAKE_UPS = env.flag("OTMS_WAKE_UPS", True)
OTMS_NOTIFY = env.flag("OTMS_NOTIFY", True)
if not OTMS_NOTIFY and not EMBEDDED:  # a pooler keeps neither who listens nor plans
    DATABASES["default"]["OPTIONS"]["prepare_threshold"] = None
OTMS_POLL_SECONDS = env.number("OTMS_POLL_SECONDS", 1)
OTMS_WINDOW = int(env.number("OTMS_WINDOW", 128))
OTMS_LEASE_MARGIN_SECONDS = env.number("OTMS_LEASE_MARGIN_SECONDS", 15)
OTMS_SUSPEND_DAYS = env.days("OTMS_SUSPEND_DAYS", 5)
OTMS_KEEP_DAYS = env.days("OTMS_KEEP_DAYS", 90)
OTMS_KEEP_FAILED_DAYS = env.days("OTMS_KEEP_FAILED_DAYS", 365)
OTMS_KEEP_COUNTERS_DAYS = env.days("OTMS_KEEP_COUNTERS_DAYS", 14)

# How much there may be before nothing more is taken in.
OTMS_MOST_WAITING = env.amount("OTMS_MOST_WAITING", 1_000_000)
OTMS_DISK_LOW_BYTES = env.amount("OTMS_DISK_LOW_BYTES", 2_000_000_000)
OTMS_DISK_FULL_BYTES = env.amount("OTMS_DISK_FULL_BYTES", 500_000_000)
OTMS_MOST_DATABASE_BYTES = env.amount("OTMS_MOST_DATABASE_BYTES", 0)

# What processes count together; without Redis there is one process.
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "otms.cache.LocalCache",
        "KEY_PREFIX": "otms",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}
if CELERY_BROKER_URL.startswith(("redis://", "rediss://")):
    CACHES["default"] |= {
        "BACKEND": "otms.cache.SharedCache",
        "LOCATION": CELERY_BROKER_URL.partition(";")[0],
        "OPTIONS": {
            "serializer": "otms.cache.Json",
            "socket_connect_timeout": 0.5,
            "socket_timeout": 0.5,
            "retry": None,
        },
    }

OTMS_METRICS_TOKEN = env.text("OTMS_METRICS_TOKEN", "").strip()
if OTMS_METRICS_TOKEN and not re.fullmatch(r"[!-~]{32,}", OTMS_METRICS_TOKEN):
    raise ImproperlyConfigured(
        "OTMS_METRICS_TOKEN is shorter than 32 characters, or has others than visible ASCII. Make "
        "one: .venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(32))'"
    )
OTMS_TRACES_EXPORTER = env.traces_exporter()
OTMS_LOG_FORMAT = env.text("OTMS_LOG_FORMAT", "line").strip().lower()
if OTMS_LOG_FORMAT not in log.FORMATS:
    raise ImproperlyConfigured(
        f"OTMS_LOG_FORMAT is {OTMS_LOG_FORMAT!r}; write line, for people, or json."
    )
LOGGING = log.configuration(OTMS_LOG_FORMAT, env.level("OTMS_LOG_LEVEL", "INFO"))

UNFOLD = console.UNFOLD
