"""`manage.py createplatform` and `manage.py invite`: the first people of a deployment come in."""

import re
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client

from otms.accounts.models import Platform, User
from otms.accounts.roles import ROLES, Role
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db
PASSWORD = "a long and quiet word"


@pytest.fixture(autouse=True)
def known_as(settings: LazySettings) -> None:
    settings.OTMS_PUBLIC_URL = "https://otms.example.com"
    settings.ALLOWED_HOSTS = ["otms.example.com", "testserver"]


@pytest.fixture
def mailed(settings: LazySettings) -> Any:
    settings.EMAIL_HOST = "mail.example.com"
    return mail.outbox


def said(*words: str) -> str:
    output = StringIO()
    call_command(*words, stdout=output)
    return output.getvalue()


def path_in(text: str) -> str:
    found = re.search(r"https://otms\.example\.com(/admin/reset/\S+)", text)
    assert found, text
    return found[1]


def set_password(path: str, password: str = PASSWORD) -> Any:
    client = Client()
    page = client.get(path, follow=True)
    typed = {"new_password1": password, "new_password2": password}
    return client.post(page.request["PATH_INFO"], typed, follow=True)


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_a_platform_is_made() -> None:
    assert "Acme Corp" in said("createplatform", " Acme Corp ")
    assert Platform.objects.get().name == "Acme Corp"


@pytest.mark.parametrize("name", ["Acme", "acme", " ", "x" * 201])
def test_a_platform_that_can_not_be_is_one_sentence(name: str) -> None:
    make.PlatformFactory(name="Acme")
    with pytest.raises(CommandError):
        said("createplatform", name)
    assert Platform.objects.count() == 1


def test_an_invited_person_sets_a_password_and_comes_in() -> None:
    make.PlatformFactory(name="Acme")
    text = said("invite", "Ann@Example.com", "--platform", "Acme", "--role", "owner")
    ann = User.objects.get()
    assert (ann.username, ann.platform.name) == ("ann@example.com", "Acme")
    assert ann.is_staff
    assert ann.role == "owner"
    assert not ann.is_superuser
    assert not ann.has_usable_password()
    path = path_in(text)
    assert "Log in" in set_password(path).content.decode()
    client = Client()
    typed = {"username": "ann@example.com", "password": PASSWORD}
    assert client.post("/admin/login/", typed).status_code == 302
    assert client.get("/admin/").status_code == 200
    again = set_password(path, "quite another word")
    assert "does not work" in again.content.decode()
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)


def test_without_a_role_a_person_may_nothing_yet_and_is_told_so() -> None:
    make.PlatformFactory(name="Acme")
    assert "may log in and nothing else" in said("invite", "bob@example.com", "--platform", "Acme")
    bob = User.objects.get()
    assert not bob.is_superuser
    assert not bob.granted
    page = client_of(bob).get("/admin/").content.decode()
    assert "You have no role yet" in page
    refusal = Api(make.token(bob)).refused("GET", "transportOrders/0/1", code=403)
    assert "You have no role yet" in refusal["message"]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.key)
def test_a_person_is_invited_with_a_role(role: Role) -> None:
    make.PlatformFactory(name="Acme")
    text = said("invite", "bob@example.com", "--platform", "Acme", "--role", role.key)
    assert "nothing else" not in text
    assert User.objects.get().role == role.name


def test_the_word_of_before_the_roles_is_answered_with_the_new_one() -> None:
    make.PlatformFactory(name="Acme")
    with pytest.raises(CommandError, match="--admin is now --role owner"):
        said("invite", "ann@example.com", "--platform", "Acme", "--admin")
    with pytest.raises(CommandError, match="no role 'boss': owner, integration-manager, support"):
        said("invite", "ann@example.com", "--platform", "Acme", "--role", "boss")
    assert not User.objects.exists()


def test_a_link_expires(settings: LazySettings) -> None:
    make.PlatformFactory(name="Acme")
    path = path_in(said("invite", "ann@example.com", "--platform", "Acme"))
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "does not work" in Client().get(path, follow=True).content.decode()


def test_with_mail_the_link_is_sent_and_not_shown(mailed: Any) -> None:
    make.PlatformFactory(name="Acme")
    text = said("invite", "ann@example.com", "--platform", "Acme")
    assert "/admin/reset/" not in text
    (sent,) = mailed
    assert sent.to == ["ann@example.com"]
    assert "Acme" in sent.body
    path_in(sent.body)
    shown = said("invite", "ann@example.com", "--platform", "Acme", "--show")
    path_in(shown)
    assert len(mailed) == 1


def test_who_has_not_come_yet_is_invited_again() -> None:
    make.PlatformFactory(name="Acme")
    for _ in range(2):
        path = path_in(said("invite", "ann@example.com", "--platform", "Acme"))
    assert not User.objects.get().role
    path = path_in(said("invite", "ann@example.com", "--platform", "Acme", "--role", "owner"))
    assert User.objects.get().role == "owner"
    with pytest.raises(CommandError, match="last owner"):
        said("invite", "ann@example.com", "--platform", "Acme", "--role", "support")
    set_password(path)
    with pytest.raises(CommandError, match=r"has an account already.*changepassword"):
        said("invite", "ANN@example.com", "--platform", "Acme")
    again = said("invite", "ANN@example.com", "--platform", "Acme", "--role", "owner")
    assert again == "ann@example.com has an account already; the role is owner.\n"


def test_a_role_that_was_lost_is_given_back() -> None:
    make.PlatformFactory(name="Acme")
    ann = make.UserFactory(
        platform=Platform.objects.get(), username="ann@example.com", role="support"
    )
    ann.set_password("a long and quiet word")
    ann.save()
    said("invite", "ann@example.com", "--platform", "Acme", "--role", "owner")
    assert User.objects.get(pk=ann.pk).role == "owner"


@pytest.mark.parametrize(
    ("email", "platform", "sentence"),
    [
        ("nobody", "Acme", "not an e-mail address"),
        ("ann@example.com", "Acmee", r"no platform 'Acmee'.*Acme"),
        ("bob@example.com", "Acme", "belongs to another platform"),
    ],
)
def test_an_invitation_that_can_not_be_is_one_sentence(
    email: str, platform: str, sentence: str
) -> None:
    make.PlatformFactory(name="Acme")
    make.UserFactory(username="bob@example.com", email="bob@example.com")
    with pytest.raises(CommandError, match=sentence):
        said("invite", email, "--platform", platform)
    assert User.objects.count() == 1


def test_without_an_address_of_its_own_the_server_is_called_by_its_host(
    settings: LazySettings,
) -> None:
    settings.OTMS_PUBLIC_URL = ""
    settings.HTTPS = True
    make.PlatformFactory(name="Acme")
    path_in(said("invite", "ann@example.com", "--platform", "Acme"))
    for host in ("*", ".example.com", "127.0.0.1", "localhost", "[::1]"):
        settings.ALLOWED_HOSTS = [host]
        with pytest.raises(CommandError, match="OTMS_PUBLIC_URL"):
            said("invite", "bob@example.com", "--platform", "Acme")
    assert User.objects.count() == 1
