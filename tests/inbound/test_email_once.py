"""A mail makes one order, however often and by however many it is brought, or none at all."""

from typing import Any

import pytest
from django.db import OperationalError, connection

from integrations.inbound.email import Mail, receive
from integrations.models import Email, File
from otms.accounts.models import Platform
from otms.orders import saving
from otms.orders.models import TransportOrder
from tests import make
from tests.conftest import Api
from tests.inbound.mails import BODY, CALL, VENDORS, Send, codes, mail
from tests.orders.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_same_message_makes_nothing_new(send: Send, api: Api, platform: Platform) -> None:
    first = send(messageId=" <1@x> ")
    again = send("30 boxes", messageId="1@x")
    assert again["email"] == first["email"]
    assert again["transportOrder"] == first["transportOrder"]
    assert [each["code"] for each in again["warnings"]] == ["known"]
    assert "warnings" not in first
    assert TransportOrder.objects.of(platform).count() == 1


def test_the_message_of_another_platform_is_another(send: Send, platform: Platform) -> None:
    first = send(messageId="1@x")
    other = make.UserFactory()
    second = Api(make.token(other)).ok("POST", CALL, mail("3 boxes", messageId="1@x"))
    assert second["email"]["id"] != first["email"]["id"]
    assert "warnings" not in second
    assert TransportOrder.objects.of(platform).count() == 1


def test_without_a_message_id_each_is_a_new_one_and_says_so(send: Send, platform: Platform) -> None:
    assert "no_message_id" in codes(send())
    assert "no_message_id" in codes(send())
    assert TransportOrder.objects.of(platform).count() == 2
    assert "no_message_id" not in codes(send(messageId="1@x"))


@pytest.mark.parametrize(("method", "path"), [("POST", CALL), ("PUT", VENDORS)])
def test_a_key_makes_one_order(api: Api, platform: Platform, method: str, path: str) -> None:
    headers = {"Idempotency-Key": "once"}
    first, again = (api(method, path, mail(), headers=headers) for _ in range(2))
    assert first.content == again.content
    assert again["Idempotency-Replayed"] == "true"
    assert TransportOrder.objects.of(platform).count() == 1


@pytest.mark.services
def test_many_at_once_make_one_order(api: Api, platform: Platform) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    for number in range(3):
        body = mail(messageId=f"{number}@x")
        answers = at_once(4, lambda body=body: api.ok("POST", CALL, body))
        assert len({each["email"]["id"] for each in answers}) == 1
        assert len({each["transportOrder"]["id"] for each in answers}) == 1
    assert TransportOrder.objects.of(platform).count() == 3


def test_a_failure_of_the_database_leaves_nothing_behind(
    api: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise OperationalError("the disk is full")

    monkeypatch.setattr(saving, "_insert_as_saved", broken)
    with pytest.raises(OperationalError):
        receive(platform, None, Mail("a@x.example", "a@x.example", "", BODY), "a script")
    attached = [{"name": "a.txt", "content": "YQ=="}]
    api.refused("POST", CALL, mail(messageId="1@x", attachments=attached), code=503)
    assert not Email.objects.of(platform).exists()
    assert not File.objects.of(platform).exists()
    monkeypatch.undo()
    assert api.ok("POST", CALL, mail(messageId="1@x"))["email"]["status"] == "draft"
