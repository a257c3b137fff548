"""Django's PostgreSQL engine with the hook before COMMIT; it asks less often whether it works."""

import logging
import select
import time
from typing import Any, ClassVar

import psycopg
from django.db.backends.postgresql import base
from psycopg import errors

from otms.db.before_commit import BeforeCommit

log = logging.getLogger(__name__)

TRUSTED_SECONDS = 5.0  # after a connection was seen to work


class PlannedCursor(psycopg.Cursor[Any]):
    """Its statements are planned once; where there is a pooler between, no more after the first."""

    def execute(self, *args: Any, **kwargs: Any) -> "PlannedCursor":
        try:
            return super().execute(*args, **kwargs)
        except (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement):
            DatabaseWrapper.keeps_plans = False
            log.warning(
                "a pooler between here and PostgreSQL keeps no plans: no more are made; "
                "OTMS_NOTIFY=false says so from the start"
            )
            raise


class DatabaseWrapper(BeforeCommit, base.DatabaseWrapper):
    """A connection that was asked a moment ago, and was not ended since, is not asked again."""

    health_check_enabled: bool
    health_check_done: bool
    keeps_plans: ClassVar[bool] = True
    _seen_at = 0.0

    def close_if_health_check_failed(self) -> None:
        if self.connection is None or not self.health_check_enabled or self.health_check_done:
            return
        if time.monotonic() - self._seen_at < TRUSTED_SECONDS and self._is_silent():
            self.health_check_done = True
            return
        super().close_if_health_check_failed()
        self._seen_at = time.monotonic()

    def planned_cursor(self) -> Any:
        """A cursor whose statements the server plans once for this connection, if it may.

        For statements that are asked all the time: planning them takes longer than they do.
        """
        wanted = self.settings_dict["OPTIONS"].get("prepare_threshold") is not None
        if (
            not (wanted and self.keeps_plans) or self.queries_logged
        ):  # what is logged has its values in it
            return self.cursor()
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            cursor: Any = PlannedCursor(self.connection)
        return self.make_cursor(cursor)

    def _is_silent(self) -> bool:
        """Is there nothing to read? A server that ends says so, or its system closes the socket."""
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0)
