"""What the scheduler has the accounts do."""

from celery import shared_task

from otms.accounts.models import FailedTries, Session, SpentRefresh

BATCH = 500
MOST_BATCHES = 200


@shared_task
def prune() -> None:
    """Forget what failed, sessions of long ago and spent refresh tokens of those that are over."""
    for forgotten in (SpentRefresh, Session, FailedTries):
        for _ in range(MOST_BATCHES):
            if forgotten.prune(BATCH) < BATCH:
                break
