"""Erase a person's data from snapshots, logs, mails, imports and files of a platform."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations import privacy
from integrations.privacy.rows import Found
from integrations.privacy.texts import NotErasable
from otms.accounts.models import NoSuchPlatform, Platform


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
        counts: dict[str, Found] = {}
        try:
            for each in privacy.erase(Platform.called(platform), texts, dry_run=dry_run):
                counts[each.kind] = each
                if self.stdout.isatty():
                    self.stdout.write(f"{each.place}: {each.looked} looked at", ending="\r")
        except (NoSuchPlatform, NotErasable) as error:
            raise CommandError(str(error)) from None
        self._tell(list(counts.values()), "would be changed" if dry_run else "changed", dry_run)

    def _tell(self, counts: list[Found], done: str, dry_run: bool) -> None:
        for each in counts:
            line = f"{each.place}: {each.rows} of {each.looked} {done}" if each.rows else ""
            if each.waiting:
                line = line or f"{each.place}: none of {each.looked} {done}"
                line += f"; {each.waiting} still wait and are left"
            if line:
                self.stdout.write(line)
        if not any(each.rows for each in counts):
            self.stdout.write(f"Nothing {'would be' if dry_run else 'was'} changed.")
        if any(each.waiting for each in counts):
            self.stdout.write("Run it again when what waits is delivered or cancelled.")
        if unread := sum(each.unread for each in counts):
            self.stdout.write(f"Files that are no readable text, and not looked into: {unread}.")
        held = [each for each in counts if each.held]
        for each in held:
            more = f" and {each.held - len(each.ids)} more" if each.held > len(each.ids) else ""
            self.stdout.write(f"Still in {each.held} {each.place}: {', '.join(each.ids)}{more}")
        if held:
            self.stdout.write("People edit or delete these first; then run it again.")
        else:
            self.stdout.write("No order, business or event holds one of these texts.")
