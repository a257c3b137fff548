"""What is queued is a task each, after the commit; no dispatcher is started."""

from functools import wraps
from typing import Any

from celery.signals import celeryd_after_setup
from django.apps import AppConfig
from django.db import transaction


class SingleConfig(AppConfig):
    name = "tests.benchmarks.single"

    def ready(self) -> None:
        from integrations import tasks
        from integrations.models.queue import IntegrationObjectQuerySet
        from tests.benchmarks.single.tasks import deliver

        celeryd_after_setup.disconnect(tasks._start)
        enqueue = IntegrationObjectQuerySet.enqueue

        @wraps(enqueue)
        def enqueued(self: Any, changes: Any) -> Any:
            made = enqueue(self, changes)
            for obj in made:
                transaction.on_commit(lambda id=obj.pk: deliver.delay(id))  # type: ignore[misc]
            return made

        IntegrationObjectQuerySet.enqueue = enqueued  # type: ignore[method-assign]
