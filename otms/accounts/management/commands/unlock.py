"""Let somebody log in again at once after too many failed logins."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from otms.accounts import lockout
from otms.accounts.models import User


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", help="what they log in with")
        parser.add_argument("--address", help="from where nobody is let in any more")

    def handle(self, *args: Any, name: str | None, address: str | None, **options: Any) -> None:
        if not name and not address:
            raise CommandError("Say a name or an --address.")
        if name and not User.objects.called(name):
            raise CommandError(f"There is nobody called {name!r}.")
        found = bool(name and lockout.unlock(name))
        found |= bool(address and lockout.unlock_address(address))
        self.stdout.write("It is unlocked." if found else "Nothing had failed there lately.")
