"""What somebody would have instead of ours."""

import sys
from contextlib import closing

import psycopg

from tests.benchmarks.candidate import Candidate, send
from tests.benchmarks.target import mark


class Plain(Candidate):
    """Django REST framework, the ORM, a Celery task for each order, requests; Celery's defaults."""

    name = "plain"
    module = "tests.benchmarks.plain.wsgi"
    app = "tests.benchmarks.plain"
    options = ("-c", "4", "--without-gossip", "--without-mingle", "--without-heartbeat")
    path = "/orders"
    tuned = ""

    def prepare(self) -> None:
        self.database = self.services.database(self.key)
        self.environment |= {
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.plain.settings",
            "DATABASE_URL": self.database,
            "CELERY_BROKER_URL": self.services.broker(),
            "TARGET": self.target.url,
            "TUNED": self.tuned,
        }
        made = self.start("migrate", sys.executable, "-m", "django", "migrate", "--run-syncdb")
        made.doomed = True
        assert made.popen.wait(60) == 0, self.logs()

    def backlog(self, run: str, n: int) -> None:
        """Rows made of one that was posted, and a task for each."""
        with closing(psycopg.connect(self.database, autocommit=True)) as server:
            columns = (
                "order_id, status, description, reference_description, external_attributes,"
                " customer_id, created_at, updated_at"
            )
            ids = [
                id
                for (id,) in server.execute(
                    f"WITH made AS (INSERT INTO plain_order (name, {columns})"
                    f" SELECT %s || n, {columns} FROM generate_series(0, %s) n,"
                    "  (SELECT * FROM plain_order ORDER BY id LIMIT 1) first RETURNING id),"
                    " consignments AS (INSERT INTO plain_consignment (order_id, name, status)"
                    "  SELECT id, 'First part', 'requested' FROM made RETURNING id, order_id),"
                    " goods AS (INSERT INTO plain_goods (consignment_id, description, quantity,"
                    "  weight) SELECT id, 'Pallets of paint', 20,"
                    """ '{"value": 8400.5, "unit": "kg"}' FROM consignments RETURNING id)"""
                    " SELECT id FROM made ORDER BY id",
                    (mark(run, 0)[:-1], n - 1),
                )
            ]
        self.services.tidy(self.database)
        send(self.environment["CELERY_BROKER_URL"], "tests.benchmarks.plain.tasks.deliver", ids)

    def recorded(self) -> int:
        with closing(psycopg.connect(self.database, autocommit=True)) as server:
            found = server.execute("SELECT count(*) FROM plain_attempt WHERE status = 200")
            return int(found.fetchone()[0])  # type: ignore[index]


class Tuned(Plain):
    """The same: database connections are kept between tasks, and HTTP connections too."""

    name = "plain, tuned"
    tuned = "1"

    @property
    def key(self) -> str:
        return "tuned"
