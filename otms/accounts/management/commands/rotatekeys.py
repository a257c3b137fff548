"""Encrypt every stored secret with the first of OTMS_ENCRYPTION_KEYS, so that the others can go."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from otms.accounts import audit
from otms.accounts.models import Platform
from otms.db import rotation
from otms.db.rotation import Count

SHOWN = 10  # of the rows that can't be read


class Command(BaseCommand):
    """Everything may go on meanwhile; stopped half-way, the next run does the rest."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="change nothing; say how many are under an older key, exit code 1 if there are",
        )
        parser.add_argument(
            "--forget-unreadable",
            action="store_true",
            help="empty what none of the keys can read: those secrets have to be typed again",
        )

    def handle(
        self, *args: Any, check: bool, forget_unreadable: bool, verbosity: int, **options: Any
    ) -> None:
        columns = rotation.sealed_fields()
        if not check:
            done = sum(
                self._rotate(column, forget=forget_unreadable, told=verbosity > 0)
                for column in columns
            )
            for platform in Platform.objects.all():
                text = f"{done} secrets, of all platforms, were encrypted with the first key."
                audit.record("rotate:keys", platform, note=text)
        found = [rotation.counted(column) for column in columns]
        for count in found:
            current = f"{count.sealed - count.older} of {count.sealed}"
            self.stdout.write(f"{count.column}: {current} under the first key")
        self._conclude(found)

    def _rotate(self, column: Any, *, forget: bool, told: bool) -> int:
        done = 0
        for changed in rotation.rotate(column, forget=forget):
            done += changed
            if told:
                name = f"{column.model._meta.label}.{column.name}"
                self.stdout.write(f"{name}: {done} encrypted anew", ending="\r")
                self.stdout.flush()
        if done and told:
            self.stdout.write("")
        return done

    def _conclude(self, found: list[Count]) -> None:
        several = len(settings.OTMS_ENCRYPTION_KEYS) > 1
        older = sum(count.older for count in found)
        unreadable = [text for count in found for text in count.unreadable]
        for text in unreadable[:SHOWN]:
            self.stderr.write(text)
        if unreadable:
            raise CommandError(
                f"None of OTMS_ENCRYPTION_KEYS can read {len(unreadable)} of them. Add the key "
                "they were written with, or empty them with --forget-unreadable."
            )
        if older:
            raise CommandError(
                f"{older} are still under an older key: keep every key, and run rotatekeys again."
            )
        rest = "; the others may be removed" if several else ""
        self.stdout.write(f"All are under the first key{rest}.")
