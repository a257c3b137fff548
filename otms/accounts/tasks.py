"""What the scheduler has the accounts do."""

from celery import shared_task

from otms.accounts.models import Session, SpentRefresh

BATCH = 500
MOST_BATCHES = 200


@shared_task
def prune() -> None:
    """Forget sessions of long ago, and spent refresh tokens of those that are over: in batches."""
    for forgotten in (SpentRefresh, Session):
        for _ in range(MOST_BATCHES):
            if forgotten.prune(BATCH) < BATCH:
                break
