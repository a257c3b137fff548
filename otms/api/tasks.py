"""What the scheduler has the API do."""

from celery import shared_task

from otms.api.models import KeptAnswer

BATCH = 500
MOST_BATCHES = 200


@shared_task
def prune() -> None:
    """Forget the answers that are older than a day, a few at a time: nobody waits for long."""
    for _ in range(MOST_BATCHES):
        if KeptAnswer.prune(BATCH) < BATCH:
            break
