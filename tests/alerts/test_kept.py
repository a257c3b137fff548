"""Alerts are forgotten like other history; addresses in them are erased like other addresses."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils.timezone import now

from integrations import privacy, retention
from integrations.models import Alert, AlertRecipient
from tests.alerts.conftest import OnCall
from tests.sink.smtp import MailServer

pytestmark = pytest.mark.django_db(transaction=True)
ANN = "ann@example.com"


def test_old_alerts_are_forgotten_and_those_that_wait_are_not(
    on_call: OnCall, send: Any, settings: LazySettings
) -> None:
    settings.OTMS_KEEP_DAYS = 90
    on_call.happens()
    send()
    on_call.hook("/status/503")
    on_call.happens()
    send()
    Alert.objects.of(on_call.platform).update(created_at=now() - timedelta(days=91))
    on_call.happens()
    assert retention.work_off(pause=0)["alerts"] == 1
    assert Alert.objects.of(on_call.platform).count() == 2
    on_call.platform.refresh_from_db()
    for each in on_call.notices:
        assert each.succeed()
    assert retention.work_off(pause=0)["alerts"] == 1
    assert on_call.notices == []


def test_an_address_is_erased_from_what_was_sent_and_named_where_it_is_set_up(
    on_call: OnCall, mail: MailServer, send: Any
) -> None:
    recipient = on_call.recipient(email=ANN)
    on_call.happens(message=f"550 {ANN} is unknown")
    send()
    told = {each.kind: each for each in privacy.erase(on_call.platform, [ANN])}
    assert told["alert"].rows == 1
    assert told["notice"].rows == 1
    assert (told["alertRecipient"].held, told["alertRecipient"].ids) == (1, [str(recipient.pk)])
    assert ANN not in Alert.objects.of(on_call.platform).get().message
    assert ANN not in on_call.notices[0].to
    assert AlertRecipient.objects.of(on_call.platform).get().email == ANN
