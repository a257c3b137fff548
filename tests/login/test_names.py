"""Who logs in with an e-mail address may write it in any case."""

import importlib
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client

from otms.accounts.models import AuditEntry, Platform, SecondFactor, User
from tests import make
from tests.conftest import Api
from tests.login.conftest import PASSWORD, Clock, attempt

pytestmark = pytest.mark.django_db
ANNA = "anna@acme.example"
SPELT = ["anna@acme.example", "Anna@acme.example", "ANNA@ACME.EXAMPLE"]


@pytest.fixture
def anna(anna: User) -> User:
    anna.username = ANNA
    anna.is_staff = True
    anna.save()
    return anna


@pytest.mark.parametrize("name", SPELT)
def test_a_person_logs_in_whatever_the_case(anna: User, name: str) -> None:
    answer = attempt(name, PASSWORD)
    assert answer.status_code == 200
    assert answer.json()["session"]["user"] == {"id": str(anna.pk), "username": ANNA}
    page = Client().post("/admin/login/?next=/admin/", {"username": name, "password": PASSWORD})
    assert page.status_code == 302


def test_a_name_in_capitals_is_found_in_any_case_too(platform: Platform) -> None:
    make.UserFactory(platform=platform, username="Bert@Acme.example", password=PASSWORD)
    assert attempt("bert@acme.example", PASSWORD).status_code == 200


@pytest.mark.parametrize("name", SPELT)
def test_a_code_is_shown_whatever_the_case(
    anna: User, factor: SecondFactor, clock: Clock, name: str
) -> None:
    half = attempt(name, PASSWORD).json()["session"]["access_token"]
    body = {"username": name, "otp": clock.next_code(factor)}
    api = Api(half)
    assert api("POST", "user/login:otp", body).status_code == 200
    body = {"username": name, "otp": clock.next_code(factor), "password": PASSWORD}
    assert Api()("POST", "user/login:otp", body).status_code == 200


def test_guesses_count_for_the_same_name_in_any_case(anna: User) -> None:
    said = [attempt(SPELT[each % 3], "wrong").status_code for each in range(11)]
    assert said == [401] * 10 + [429]
    assert attempt("aNNa@acme.example", PASSWORD).status_code == 429
    assert AuditEntry.objects.of(anna.platform).filter(action="lock:user").count() == 1
    call_command("unlock", "ANNA@acme.example")
    assert attempt(ANNA, PASSWORD).status_code == 200


def test_two_people_can_not_be_called_the_same(anna: User, platform: Platform) -> None:
    other = User(username="Anna@Acme.example", platform=platform)
    with pytest.raises(ValidationError, match="Somebody has this username already"):
        other.full_clean(exclude=["password"])
    with pytest.raises(IntegrityError), transaction.atomic():
        other.save()
    make.UserFactory(platform=platform, username="anne@acme.example")


def test_commands_find_a_person_in_any_case(
    anna: User, factor: SecondFactor, settings: LazySettings
) -> None:
    settings.OTMS_PUBLIC_URL = "https://otms.example.com"
    call_command("removesecondfactor", "Anna@ACME.example")
    assert SecondFactor.of(anna) is None
    with pytest.raises(CommandError, match="has an account already"):
        call_command("invite", "Anna@ACME.example", platform=anna.platform.name)


@pytest.mark.django_db(transaction=True)
def test_people_who_are_called_the_same_are_named_before_the_constraint(anna: User) -> None:
    module: Any = importlib.import_module("otms.accounts.migrations.0006_one_name_in_any_case")
    constraint = User._meta.constraints[0]
    with connection.schema_editor() as editor:
        module.refuse_pairs(apps, editor)
        editor.remove_constraint(User, constraint)
    try:
        twin = make.UserFactory(platform=anna.platform, username="ANNA@acme.example")
        with pytest.raises(CommandError, match="several people are called anna"):
            module.refuse_pairs(apps, None)
        User.objects.filter(pk=twin.pk).delete()
    finally:
        with connection.schema_editor() as editor:
            editor.add_constraint(User, constraint)


def test_a_heading_shows_a_name_as_it_is(anna: User) -> None:
    client = Client()
    client.post("/admin/login/", {"username": ANNA, "password": PASSWORD})
    page = client.get(f"/admin/accounts/user/{anna.pk}/change/").content.decode()
    assert f'title="{ANNA}">{ANNA}</' in page
    assert "Anna@acme" not in page
    assert ">Users</" in page
