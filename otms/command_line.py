"""Commands as an operator runs them: what is wrong with the place they run in is one sentence."""

import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DatabaseError

from otms import env
from otms.accounts.actor import by_command

# What is of no use before there are tables; standalone, demo and migrate make them.
NEED_TABLES = frozenset(
    {
        *("changepassword", "createplatform", "createsuperuser", "erase", "invite"),
        *("removesecondfactor", "rotatekeys", "unlock"),
    }
)


def run(arguments: list[str]) -> None:
    needs_tables = len(arguments) > 1 and arguments[1] in NEED_TABLES
    try:
        if needs_tables and not {"-h", "--help"} & set(arguments):
            _look_for_database()
        with by_command(arguments):
            execute_from_command_line(arguments)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except DatabaseError as error:
        reason = str(error).partition("\n")[0]
        if not needs_tables or not ("no such table" in reason or "does not exist" in reason):
            raise
        sys.exit(f"The database is not of this version ({reason}): run manage.py migrate first.")


def _look_for_database() -> None:
    """Before Django is set up, which would make the folder and keys in it."""
    file = env.folder("OTMS_VAR", "var") / "otms.sqlite3"
    if not env.text("DATABASE_URL", "") and not (file.exists() and file.stat().st_size):
        raise ImproperlyConfigured(
            f"There is no database in {file.parent}: run make run first, or say where it is with "
            "OTMS_VAR or DATABASE_URL."
        )
