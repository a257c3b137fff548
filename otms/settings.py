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
from django.urls import reverse_lazy
from kombu import Exchange, Queue

from otms import __version__, env
from otms.log import FORMATS

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
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "otms.accounts.actor.of_request",
    "integrations.core.origin.of_request",
]
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
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
# Where collectstatic put the files; without it they are served from where they are installed.
STATIC_ROOT = env.text("OTMS_STATIC_ROOT", "") or None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_ALLOW_ALL_ORIGINS = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "otms.accounts.authentication.BearerAuthentication",
        "integrations.api.authentication.AppAuthentication",
        "integrations.api.authentication.CredentialAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["otms.api.permissions.MayCall"],
    "DEFAULT_PARSER_CLASSES": ["otms.api.parsers.DocumentParser"],
    "DEFAULT_RENDERER_CLASSES": ["otms.api.envelope.EnvelopeRenderer"],
    "DEFAULT_SCHEMA_CLASS": "otms.api.schema.RouteSchema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "otms.api.envelope.AlwaysJSON",
    "EXCEPTION_HANDLER": "otms.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": "otms.api.permissions.Nobody",
    "NON_FIELD_ERRORS_KEY": "",
    "COERCE_DECIMAL_TO_STRING": False,
    "DATETIME_FORMAT": "iso-8601",
}
# How often one caller may call. Dearer are the calls that do more than look and write a record.
OTMS_CALLER_RATE = env.rate("OTMS_CALLER_RATE", "600/min")
OTMS_HEAVY_RATE = env.rate("OTMS_HEAVY_RATE", "120/min")
OTMS_NOBODY_RATE = env.rate("OTMS_NOBODY_RATE", "60/min")
DATA_UPLOAD_MAX_MEMORY_SIZE = int(env.number("OTMS_MAX_BODY_MB", 10) * 1024 * 1024)
FILE_UPLOAD_MAX_MEMORY_SIZE = DATA_UPLOAD_MAX_MEMORY_SIZE  # it is in memory anyway: no copy on disk
DATA_UPLOAD_MAX_NUMBER_FILES = 5  # one is taken; of a few more the wrong field is named

SPECTACULAR_SETTINGS = {
    "TITLE": "OTMS",
    "DESCRIPTION": "The HTTP API of the OTMS integration engine.",
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    # As the routes are declared, and as a path is written.
    "TAGS": [
        {"name": name, "description": told}
        for name, told in (
            ("User", "Log in and stay logged in; sessions, and who may no longer come in."),
            ("Integration", "What is sent where and when, and what became of each change."),
            ("Transport order", "Orders with their consignments and goods, in one call."),
            ("Business", "Customers, shippers, carriers."),
            ("Consignment", "The parts of orders, one by one."),
            ("Event", "What happened on the way, or shall happen."),
            ("Import", "Rows of other systems become transport orders."),
            ("Mail", "A mail becomes a draft of an order."),
            ("File", "Files that were sent, and files that would be written."),
            ("Alert", "Who is told when deliveries fail, and what they were told."),
            ("Message", "Mails to customers: templates, and the automations that send them."),
            ("Audit trail", "Who did what to which record, and who looked."),
            ("Privacy", "A person's data is erased from what is kept about deliveries."),
            ("App Store", "Ready-made integrations: browse, install, set up."),
        )
    ],
    "SORT_OPERATIONS": False,
    "SORT_OPERATION_PARAMETERS": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "FileFormat": "integrations.core.detection.FORMATS",
        "TemplateFormat": "integrations.core.preview.FORMATS",
        "AlertKind": "integrations.models.alert.Kind",
        "KindEnum": "otms.accounts.models.Session.Kind",
        "ObjectStatus": "integrations.models.Status",
        "TaskStatus": "integrations.models.task.TaskStatus",
        "AsOf": "integrations.models.replay.AsOf",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "otms.api.schema.with_refusals",
        "otms.api.schema.in_reading_order",
    ],
    "AUTHENTICATION_WHITELIST": [],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            "apiSecret": {"type": "apiKey", "in": "header", "name": "X-API-Secret"},
        }
    },
    "SECURITY": [{"bearer": []}, {"apiKey": [], "apiSecret": []}],
}

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
CELERY_BEAT_SCHEDULE = {
    "process the queue": {
        "task": "integrations.tasks.process_queue",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "carry out imports": {
        "task": "integrations.tasks.carry_out_imports",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "carry out erasures": {
        "task": "integrations.tasks.carry_out_erasures",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "send alerts": {
        "task": "integrations.tasks.send_alerts",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "carry out replays": {
        "task": "integrations.tasks.carry_out_replays",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "forget old history": {
        "task": "integrations.tasks.forget_history",
        "schedule": 600.0,
        "options": {"expires": 600.0},
    },
    "forget kept answers": {
        "task": "otms.api.tasks.prune",
        "schedule": 600.0,
        "options": {"expires": 600.0},
    },
    "forget sessions that are over": {
        "task": "otms.accounts.tasks.prune",
        "schedule": 3600.0,
        "options": {"expires": 3600.0},
    },
}
CELERY_TIMEZONE = "UTC"

# Delivery.
OTMS_EGRESS_ALLOW = env.words("OTMS_EGRESS_ALLOW")
OTMS_EGRESS_PROXY = env.proxy(env.text("OTMS_EGRESS_PROXY", ""))
OTMS_EGRESS_DIRECT = env.words("OTMS_EGRESS_DIRECT")
OTMS_WAKE_UPS = env.flag("OTMS_WAKE_UPS", True)
OTMS_POLL_SECONDS = env.number("OTMS_POLL_SECONDS", 1)
OTMS_WINDOW = int(env.number("OTMS_WINDOW", 128))
OTMS_LEASE_MARGIN_SECONDS = env.number("OTMS_LEASE_MARGIN_SECONDS", 15)
OTMS_SUSPEND_DAYS = env.days("OTMS_SUSPEND_DAYS", 5)
OTMS_KEEP_DAYS = env.days("OTMS_KEEP_DAYS", 90)
OTMS_KEEP_FAILED_DAYS = env.days("OTMS_KEEP_FAILED_DAYS", 365)
OTMS_KEEP_COUNTERS_DAYS = env.days("OTMS_KEEP_COUNTERS_DAYS", 14)

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
if OTMS_LOG_FORMAT not in FORMATS:
    raise ImproperlyConfigured(
        f"OTMS_LOG_FORMAT is {OTMS_LOG_FORMAT!r}; write line, for people, or json."
    )
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "otms.log.LineFormatter"},
        "json": {"()": "otms.log.JsonFormatter"},
    },
    "filters": {"about": {"()": "otms.log.AboutFilter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": OTMS_LOG_FORMAT,
            "filters": ["about"],
        }
    },
    "root": {"handlers": ["console"], "level": env.level("OTMS_LOG_LEVEL", "INFO")},
    "loggers": {
        "django": {"handlers": []},  # not Django's own, which mails error pages to ADMINS
        "django.server": {"handlers": [], "propagate": True},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "urllib3": {"level": "INFO"},  # below it, it logs paths and queries, which may be secrets
        "django_celery_beat": {"level": "WARNING"},
        "waitress": {"level": "WARNING"},
    },
}

UNFOLD = {
    "SITE_TITLE": "OTMS",
    "SITE_HEADER": "OTMS",
    "SITE_SUBHEADER": "Integration engine",
    "SITE_SYMBOL": "conversion_path",
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": None,
    "SIDEBAR": {"navigation": "integrations.admin.navigation.sidebar"},
    "ACCOUNT": {
        "navigation": [
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
            {"title": "Second factor", "link": reverse_lazy("second_factor")},
        ]
    },
    "DASHBOARD_CALLBACK": "integrations.admin.overview.overview",
}
