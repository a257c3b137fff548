"""Let a person in: they set their password by a link that works once."""

import smtplib
from argparse import SUPPRESS
from typing import Any

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db.models import Q

from otms.accounts import audit, passwords
from otms.accounts.models import LastOwner, NoSuchPlatform, Platform, User
from otms.accounts.roles import ROLES, Role


class Command(BaseCommand):
    """With EMAIL_URL the link is mailed to them; without it, or with --show, it is printed.

    Who has an account already is given the role, if one is named, and no link.
    """

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="they log in with it")
        parser.add_argument("--platform", required=True, metavar="NAME")
        parser.add_argument(
            "--role",
            metavar="ROLE",
            help="; ".join(f"{role.key}: {role.about}" for role in ROLES),
        )
        parser.add_argument("--admin", action="store_true", help=SUPPRESS)  # of before the roles
        parser.add_argument("--show", action="store_true", help="print the link, send no mail")

    def handle(
        self,
        *args: Any,
        email: str,
        platform: str,
        role: str | None,
        admin: bool,
        show: bool,
        **options: Any,
    ) -> None:
        if admin:
            raise CommandError("--admin is now --role owner.")
        given = _role(role) if role else None
        try:
            validate_email(email)
            base = passwords.public_url()
        except ValidationError:
            raise CommandError(f"{email!r} is not an e-mail address.") from None
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        with audit.one_act():
            person = _person(email.lower(), _platform(platform), given)
        if person.has_usable_password():
            self.stdout.write(f"{person.email} has an account already; the role is {person.role}.")
            return
        if not person.role:
            who = f"{person.email} may log in and nothing else"
            self.stdout.write(f"{who}: an owner gives a role in the admin, or say --role here.")
        what = f"works once, until {passwords.until():%Y-%m-%d %H:%M} UTC"
        if show or not passwords.sends_mail():
            self.stdout.write(f"Give {person.email} this link; it {what}:")
            self.stdout.write(passwords.link(person, base))
            return
        try:
            passwords.send(person, base, "mail/invitation.txt")
        except (OSError, smtplib.SMTPException) as error:
            raise CommandError(
                f"{person.email} is known now, but no mail could be sent: {error} "
                "With --show the link is printed instead."
            ) from None
        self.stdout.write(f"A link was mailed to {person.email}; it {what}.")


def _platform(name: str) -> Platform:
    try:
        return Platform.called(name)
    except NoSuchPlatform as error:
        raise CommandError(str(error)) from None


def _role(key: str) -> Role:
    for role in ROLES:
        if key in (role.key, role.name):
            return role
    raise CommandError(f"There is no role {key!r}: {', '.join(role.key for role in ROLES)}.")


def _person(email: str, platform: Platform, role: Role | None) -> User:
    """Somebody new, or who was invited before and has not come yet."""
    there = User.objects.filter(Q(username__iexact=email) | Q(email__iexact=email)).first()
    if there is None:
        there = User.objects.create_user(email, email, platform=platform, is_staff=True)
    elif there.platform_id != platform.pk:
        raise CommandError(f"{email} belongs to another platform.")
    elif not there.is_active or (there.has_usable_password() and role is None):
        raise CommandError(
            f"{email} has an account already. A forgotten password is set with a link from the "
            f"admin's page of that person, or here: manage.py changepassword {there.username}"
        )
    if role:
        try:
            there.set_role(role.name)
        except LastOwner as error:
            raise CommandError(str(error)) from None
    return there
