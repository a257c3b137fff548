"""What a call and a mail say of trouble: enough, at night, and no secret."""

from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.utils.timezone import now

from integrations.core import signing
from integrations.models import Alert
from integrations.models.alert import Kind
from tests.alerts.conftest import SECRET, OnCall, Send
from tests.sink.smtp import MailServer

pytestmark = pytest.mark.django_db


def test_a_call_says_what_happened_and_is_signed(on_call: OnCall, send: Send) -> None:
    on_call.hook(secret=SECRET)
    told = on_call.happens()
    source = told.data_source
    assert source
    send()
    (call,) = on_call.sink.requests
    sent = {name: call.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")}
    assert signing.verify(SECRET, sent["id"], sent["timestamp"], call.body, sent["signature"])
    said = call.json()
    assert said["type"] == "integration.trouble"
    assert said["data"] == {
        "id": str(told.pk),
        "integrationId": str(on_call.integration.pk),
        "integrationName": on_call.integration.name,
        "dataSourceId": str(source.pk),
        "dataSourceName": str(source),
        "message": "503 Service Unavailable.",
        "since": said["data"]["since"],
    }


def test_a_mail_is_understood_at_night(
    on_call: OnCall, mail: MailServer, send: Send, settings: LazySettings
) -> None:
    settings.OTMS_PUBLIC_URL = "https://otms.example.com"
    on_call.integration.name = "ERP Sync\r\nBcc: eve@example.com"
    on_call.integration.save()
    on_call.recipient(email="ann@example.com", name="Ann")
    told = on_call.happens()
    send()
    (letter,) = mail.letters
    subject = str(letter.message["Subject"])
    assert letter.message["Bcc"] is None
    assert subject.startswith("OTMS: ERP Sync Bcc: eve@example.com: ")
    assert "deliveries to webhook fail since " in subject
    assert "503 Service Unavailable." in letter.text
    text = letter.text.replace("\n", " ")
    assert "What waits is kept and tried again by itself; what was refused or given up can" in text
    assert "order" not in text, "that is of one record, where the integration says so"
    page = f"https://otms.example.com/admin/integrations/integration/{on_call.integration.pk}/"
    assert page in letter.text
    assert f"<{told.pk}.{on_call.notices[0].pk}@acme.example>" == letter.message["Message-ID"]


def test_what_was_taken_away_with_its_trouble_is_told_of(
    on_call: OnCall, mail: MailServer, send: Send
) -> None:
    on_call.recipient(email="ann@example.com")
    on_call.hook()
    gone = uuid4()
    Alert.objects.using("default").tell(
        on_call.integration.pk, on_call.platform.pk, Kind.RECOVERED, str(gone), "Gone.", now()
    )
    send()
    (call,), (letter,) = on_call.sink.requests, mail.letters
    assert call.json()["data"]["dataSourceId"] is None
    subject = str(letter.message["Subject"])
    assert subject == f"OTMS: {on_call.integration.name}: the trouble with deliveries is over"


def test_what_is_answered_shows_no_secret(on_call: OnCall, send: Send) -> None:
    on_call.sink.teach("T0K3N-of-the-path", SECRET)
    on_call.hook("/parrot/500/T0K3N-of-the-path?key=hidden-key", secret=SECRET)
    on_call.happens()
    send()
    (notice,) = on_call.notices
    assert "answered 500" in notice.error
    for secret in (SECRET, "T0K3N", "hidden-key"):
        assert secret not in notice.error
        assert secret not in notice.to


def test_a_message_that_can_not_be_stored_is_told_all_the_same(on_call: OnCall, send: Send) -> None:
    on_call.hook()
    on_call.happens(message="a\x00b\ud800" + "x" * 5000)
    send()
    (call,) = on_call.sink.requests
    assert call.json()["data"]["message"].startswith("a\\u0000b\\ud800xxx")
    assert len(call.json()["data"]["message"]) == 2000
