"""Erase a person's data from snapshots, logs, mails, imports and files of a platform."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations import privacy
from otms.accounts.models import Platform


class Command(BaseCommand):
    """That something was delivered stays; stopped half-way, the next run does the rest."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("texts", nargs="+", help="an e-mail address, a name, a phone number")
        parser.add_argument("--platform", required=True, metavar="NAME")
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")

    def handle(
        self, *args: Any, texts: list[str], platform: str, dry_run: bool, **options: Any
    ) -> None:
        found = Platform.objects.filter(name=platform).first()
        if found is None:
            raise CommandError(f"There is no platform {platform!r}.")
        counts: dict[str, privacy.Found] = {}
        try:
            for each in privacy.erase(found, texts, dry_run=dry_run):
                counts[each.kind] = each
                if self.stdout.isatty():
                    self.stdout.write(f"{each.place}: {each.looked} looked at", ending="\r")
        except privacy.NotErasable as error:
            raise CommandError(str(error)) from None
        done = "would be changed" if dry_run else "changed"
        for each in counts.values():
            line = f"{each.place}: {each.rows} of {each.looked} {done}"
            line += f"; {each.waiting} still wait and are left" if each.waiting else ""
            line += f"; {each.unread} are no text and were not looked into" if each.unread else ""
            self.stdout.write(line)
        if any(each.waiting for each in counts.values()):
            self.stdout.write("Run it again when what waits is delivered or cancelled.")
        self.stdout.write("The records themselves (orders, businesses) are edited by people.")
