"""Django's SQLite engine with the hook before COMMIT."""

from django.db.backends.sqlite3 import base

from otms.db.before_commit import BeforeCommit


class DatabaseWrapper(BeforeCommit, base.DatabaseWrapper):
    pass
