"""Do PostgreSQL and Redis answer? One sentence for each that doesn't, and exit code 1."""

import os
import sys

import psycopg
import redis


def problems():
    database, broker = os.environ["DATABASE_URL"], os.environ["CELERY_BROKER_URL"]
    try:
        psycopg.connect(database, connect_timeout=3).close()
    except psycopg.Error as error:
        yield (
            f"PostgreSQL does not answer at {database}: {str(error).strip().splitlines()[0]}\n"
            "  Start one: docker run -d -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres:16"
            "\n  or name yours: DATABASE_URL=postgres://user:password@host:5432/name"
        )
    try:
        redis.Redis.from_url(broker, socket_connect_timeout=3).ping()
    except (redis.RedisError, ValueError) as error:
        yield (
            f"Redis does not answer at {broker}: {error}\n"
            "  Start one: docker run -d -p 6379:6379 redis:7\n"
            "  or name yours: CELERY_BROKER_URL=redis://host:6379/9"
        )


if __name__ == "__main__":
    found = list(problems())
    sys.exit("\n".join(found) if found else 0)
