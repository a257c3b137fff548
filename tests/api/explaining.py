"""Why it was not sent, as the API tells it and as support reads it."""

import re
from html import unescape
from typing import Any

from django.test import Client
from django.urls import reverse

from integrations.models import Integration
from tests import make
from tests.conftest import Api
from tests.queue.conftest import Queue


def why(api: Api, name: str) -> str:
    """What is said of the one integration about the order of this name.

    Support reads the same where the search box of the admin leads: one search, no click.
    """
    (told,) = api.ok("GET", f"integration/explain?q={name}")["explanation"]["integrations"]
    text: str = told["why"]
    steady = text.partition(" the next at ")[0].partition(": more may go at ")[0]
    assert steady in found_in_admin(Integration.objects.across_platforms().get(), name)
    return text


def found_in_admin(integration: Integration, name: str) -> str:
    """What a page says that the search box leads to."""
    support = Client()
    support.force_login(make.UserFactory(platform=integration.platform, is_staff=True))
    box = reverse("admin:integrations_integrationobject_where")
    answer = support.get(box, {"q": name}, follow=True)
    assert len(answer.redirect_chain) == 1
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def listener(queue: Queue, url: str, **fields: Any) -> Integration:
    return make.integration(url, platform=queue.platform, trigger=make.ALL_ACTIONS, **fields)
