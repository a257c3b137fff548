"""The Celery application: workers carry wake-ups, the database is the queue."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "otms.settings")

app = Celery("otms")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
