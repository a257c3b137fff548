"""What the scheduler has the accounts do."""

from celery import shared_task

from otms.accounts.models import SpentRefresh

BATCH = 500
MOST_BATCHES = 200


@shared_task
def prune() -> None:
    """Forget the spent refresh tokens of sessions that are over, a few at a time."""
    for _ in range(MOST_BATCHES):
        if SpentRefresh.prune(BATCH) < BATCH:
            break
