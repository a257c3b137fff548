"""A disk that is full, as the databases say it."""

import sqlite3

DISK_FULL = "53100"  # SQLSTATE of PostgreSQL


def is_full(error: BaseException) -> bool:
    """Was it refused because there is no room on the disk of the database?"""
    cause = error.__cause__ or error
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return getattr(cause, "sqlstate", None) == DISK_FULL
