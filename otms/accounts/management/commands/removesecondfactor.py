"""Turn off the second factor of somebody who lost the phone and the recovery codes."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from otms.accounts.models import SecondFactor, User


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what they log in with")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        person = User.objects.called(name)
        if person is None:
            raise CommandError(f"There is nobody called {name!r}.")
        factor = SecondFactor.of(person)
        if factor is None:
            raise CommandError(f"{name} has no second factor.")
        factor.remove("delete:user:secondFactor")
        self.stdout.write(f"The second factor of {name} is off: the password alone lets them in.")
