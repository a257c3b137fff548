"""The Celery application: workers carry wake-ups, the database is the queue."""

import os

from celery import Celery
from celery.signals import setup_logging, worker_ready

from otms import garbage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "otms.settings")

app = Celery("otms")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _keep_logging(**_: object) -> None:
    """Settings say how we log, in workers and beat too; connecting keeps Celery from it."""


@worker_ready.connect
def _settle(**_: object) -> None:
    garbage.settle()
