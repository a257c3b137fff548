"""Make a platform: a tenant, whose people see nothing of another's."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from otms.accounts import audit
from otms.accounts.models import Platform


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        name = name.strip()
        if not name or len(name) > 200:
            raise CommandError("A platform has a name of 1 to 200 characters.")
        if there := Platform.objects.filter(name__iexact=name).first():
            raise CommandError(f"There is a platform {there.name!r} already.")
        platform = Platform.objects.create(name=name)
        audit.record("create:platform", platform)
        self.stdout.write(f"Made the platform {platform.name!r} with the id {platform.pk}.")
