"""A first integration: three questions, and it listens."""

from types import SimpleNamespace

import pytest
from django.urls import reverse

from integrations.models import Integration, IntegrationObject
from tests import make
from tests.admin.conftest import Browser, without_tags

pytestmark = pytest.mark.django_db
FIRST = "admin:integrations_integration_first"
GIVEN = {"url": "http://127.0.0.1/erp", "name": "Mine", "actions": "created updated"}


@pytest.mark.django_db(transaction=True)
def test_three_answers_make_one_that_listens(own: SimpleNamespace, browser: Browser) -> None:
    answer = browser.client.post(reverse(FIRST), GIVEN, follow=True)
    made = Integration.objects.of(own.platform).get(name="Mine")
    workbench = reverse("admin:integrations_integration_workbench", args=[made.pk])
    assert answer.redirect_chain[-1][0] == workbench
    assert "It is there, and paused." in without_tags(answer.content.decode())
    assert not made.enabled
    assert made.trigger["actions"] == ["created", "updated"]
    assert made.data_sources.get().settings["url"] == "http://127.0.0.1/erp"
    make.OrderFactory(platform=own.platform)
    waiting = IntegrationObject.objects.of(own.platform).filter(integration=made)
    assert not waiting.exists()
    as_read = answer.context["as_read"]
    browser.client.post(workbench, {"do": "start", "as_read": as_read, "mapping": '{"n": 1}'})
    order = make.OrderFactory(platform=own.platform)
    assert waiting.filter(entity_id=order.pk).exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": "127.0.0.1:80/erp"}, "as in https://127.0.0.1:80/erp"),
        ({"url": "http://no address"}, "Enter a valid URL."),
        ({"url": "ftp://127.0.0.1/erp"}, "Enter a valid URL."),
        ({"url": "http://10.0.0.1/erp"}, "10.0.0.1"),
        ({"name": ""}, "This field is required."),
        ({"actions": "nothing"}, "Select a valid choice."),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_made(
    own: SimpleNamespace, browser: Browser, wrong: dict[str, str], said: str
) -> None:
    before = Integration.objects.of(own.platform).count()
    answer = browser.client.post(reverse(FIRST), {**GIVEN, **wrong})
    assert said in without_tags(answer.content.decode())
    assert Integration.objects.of(own.platform).count() == before
