"""Django's PostgreSQL engine with the hook before COMMIT."""

from django.db.backends.postgresql import base

from otms.db.before_commit import BeforeCommit


class DatabaseWrapper(BeforeCommit, base.DatabaseWrapper):
    pass
