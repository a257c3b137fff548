"""A person in front of the admin, who types a password and looks."""

import re
from typing import Any

from django.test import Client

from otms.accounts.models import SecondFactor, Session, User
from tests.login.conftest import PASSWORD, Clock

LOGIN, CODE, OWN = "/admin/login/", "/admin/login/code/", "/admin/second-factor/"
INDEX, QUEUE = "/admin/", "/admin/integrations/integrationobject/"
NEW = "quite another word"


def text(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def password(client: Client, name: str = "anna", secret: str = PASSWORD, to: str = INDEX) -> Any:
    return client.post(f"{LOGIN}?next={to}", {"username": name, "password": secret})


def entered(client: Client) -> bool:
    return client.get(INDEX).status_code == 200


def logged_in(factor: SecondFactor | None = None, clock: Clock | None = None) -> Client:
    client = Client()
    answer = password(client)
    if factor and clock:
        client.post(answer["Location"], {"code": clock.next_code(factor)})
    assert entered(client)
    return client


def newest(person: User) -> Any:
    return Session.objects.of(person.platform).filter(user=person).latest("started_at")
