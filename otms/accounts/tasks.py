"""What the scheduler has the accounts do."""

from celery import shared_task

from otms.accounts.models import FailedTries, Session, SpentRefresh
from otms.accounts.session_store import SessionStore

BATCH = 500
MOST_BATCHES = 200


@shared_task
def prune() -> None:
    """Forget what failed, sessions that are over, and the cookies and refresh tokens of these."""
    for forgotten in (SpentRefresh, Session, FailedTries):
        for _ in range(MOST_BATCHES):
            if forgotten.prune(BATCH) < BATCH:
                break
    SessionStore.clear_expired()
