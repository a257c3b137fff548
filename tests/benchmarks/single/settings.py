"""Ours, with a task for each object in the place of the dispatcher."""

from otms.settings import *  # noqa: F403
from otms.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "tests.benchmarks.single.apps.SingleConfig"]
OTMS_WAKE_UPS = False
CELERY_DB_REUSE_MAX = 10_000  # or Celery closes the connection around each task
CELERY_TASK_QUEUES = None
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_POOL = "prefork"
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
