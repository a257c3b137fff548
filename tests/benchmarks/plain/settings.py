"""Settings of the plain project; TUNED=1 is what one finds out after a while."""

import os
from urllib.parse import urlsplit

SECRET_KEY = "plain"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["rest_framework", __package__]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = f"{__package__}.views"
_database = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.path.lstrip("/"),
        "USER": _database.username,
        "HOST": _database.hostname,
        "PORT": _database.port,
        # The web server keeps its connections whatever the worker does.
        "CONN_MAX_AGE": 600,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MIGRATION_MODULES = {"plain": None}
USE_TZ = True
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
}

CELERY_BROKER_URL = os.environ["CELERY_BROKER_URL"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
TUNED = bool(os.environ.get("TUNED"))
if TUNED:  # or Celery closes the connection around each task
    CELERY_DB_REUSE_MAX = 10_000
TARGET = os.environ["TARGET"]
