"""A signing secret is replaced while deliveries go on: for a while both sign."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from integrations.core import signing
from integrations.models import DataSource
from otms.documents import timestamp
from tests import make
from tests.api.conftest import GUIDE_BODY, webhook
from tests.conftest import Api
from tests.queue.conftest import Queue, queue
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["queue"]

OLD = "the one before"


@pytest.fixture
def made(api: Api, sink: Sink) -> Any:
    source = webhook(sink.url(), settings={"secret": OLD})
    body = {**GUIDE_BODY, "dataSources": [source]}
    return api.ok("POST", "integration", body)["integration"]


def generate(api: Api, made: Any, **more: Any) -> Any:
    ids = {"integrationId": made["id"], "dataSourceId": made["dataSources"][0]["id"]}
    return api.ok("POST", "integration/generate/signingSecret", {**ids, **more})["signing"]


def signed_by(queue: Queue, sink: Sink, *secrets: str) -> list[bool]:
    """Whose signature the newest delivery bears, and how many there are."""
    queue.save_order()
    queue.run()
    received = sink.requests[-1]
    headers = received.headers
    signatures = headers["webhook-signature"]
    found = [
        signing.verify(
            each, headers["webhook-id"], headers["webhook-timestamp"], received.body, signatures
        )
        for each in secrets
    ]
    assert len(signatures.split()) == sum(found)
    return found


def said_of_generating(api: Api, made: Any, **more: Any) -> list[Any]:
    ids = {"integrationId": made["id"], "dataSourceId": made["dataSources"][0]["id"]}
    answer = api.ok("POST", "integration/generate/signingSecret", {**ids, **more})
    return [each["code"] for each in answer.get("warnings", [])]


def settings_of(api: Api, made: Any) -> Any:
    shown = api.ok("GET", f"integration/{made['id']}")["integration"]
    return shown["dataSources"][0]["settings"]


def test_while_a_secret_is_replaced_both_sign(
    api: Api, made: Any, queue: Queue, sink: Sink
) -> None:
    assert signed_by(queue, sink, OLD) == [True]
    new = generate(api, made, keepPreviousFor="PT2H")
    assert new["secret"].startswith("whsec_")
    assert new["publicKey"] is None
    assert signed_by(queue, sink, OLD, new["secret"]) == [True, True]
    shown = settings_of(api, made)
    assert (shown["secret"], shown["previousSecret"]) == ("***", "***")
    assert shown["previousSecretUntil"] == new["previousSecretUntil"]
    source = DataSource.objects.across_platforms().get()
    source.settings["previousSecretUntil"] = timestamp(now() - timedelta(seconds=1))
    source.save()
    assert signed_by(queue, sink, OLD, new["secret"]) == [False, True]


def test_a_secret_can_be_replaced_at_once(api: Api, made: Any, queue: Queue, sink: Sink) -> None:
    new = generate(api, made, keepPreviousFor="PT0S")
    assert new["previousSecretUntil"] is None
    assert signed_by(queue, sink, OLD, new["secret"]) == [False, True]
    assert dict(DataSource.objects.across_platforms().get().secrets) == {"secret": new["secret"]}


def test_a_receiver_of_ed25519_needs_no_secret(
    api: Api, made: Any, queue: Queue, sink: Sink
) -> None:
    new = generate(api, made, scheme="v1a")
    assert new["secret"] is None
    assert new["publicKey"].startswith("whpk_")
    assert signed_by(queue, sink, OLD, new["publicKey"]) == [True, True]
    assert settings_of(api, made)["publicKey"] == new["publicKey"]
    newer = generate(api, made, scheme="v1a")
    both = settings_of(api, made)["publicKey"].split()
    assert both == [newer["publicKey"], new["publicKey"]]
    assert signed_by(queue, sink, *both) == [True, True]


def test_who_cuts_a_promised_overlap_short_is_told(api: Api, made: Any) -> None:
    assert said_of_generating(api, made, keepPreviousFor="PT2H") == []
    assert said_of_generating(api, made, keepPreviousFor="P1D") == ["overlap_cut"]
    assert said_of_generating(api, made, keepPreviousFor="PT0S") == ["overlap_cut"]
    assert said_of_generating(api, made) == []  # nothing was promised any more


@pytest.mark.parametrize(
    ("secret", "weak"),
    [("abc", True), ("whsec_YWJj", True), ("x" * 23, True), ("x" * 24, False)],
)
def test_a_secret_that_may_be_guessed_is_warned_of(
    api: Api, made: Any, secret: str, weak: bool
) -> None:
    source = {**made["dataSources"][0]}
    source["settings"] = {**source["settings"], "secret": secret}
    answer = api.ok("PUT", "integration", {"id": made["id"], "dataSources": [source]})
    found = [each for each in answer.get("warnings", []) if each["code"] == "weak_secret"]
    assert [each["field"] for each in found] == ["dataSources[0].settings.secret"] * weak
    source["settings"]["secret"] = "***"
    answer = api.ok("PUT", "integration", {"id": made["id"], "dataSources": [source]})
    assert ("weak_secret" in str(answer.get("warnings"))) is weak


def test_what_is_shown_can_be_sent_back(api: Api, made: Any) -> None:
    generate(api, made, scheme="v1a")
    before = DataSource.objects.across_platforms().get()
    shown = api.ok("GET", f"integration/{made['id']}")["integration"]
    answer = api.ok("PUT", "integration", shown)["integration"]
    after = DataSource.objects.across_platforms().get()
    assert (after.settings, after.secrets) == (before.settings, before.secrets)
    assert "publicKey" not in after.settings
    assert answer["dataSources"] == shown["dataSources"]


def test_settings_without_an_end_forget_the_previous_secret(api: Api, made: Any) -> None:
    new = generate(api, made)
    source = {"id": made["dataSources"][0]["id"], "settings": made["dataSources"][0]["settings"]}
    api.ok("PUT", "integration", {"id": made["id"], "dataSources": [source]})
    assert dict(DataSource.objects.across_platforms().get().secrets) == {"secret": new["secret"]}


def test_who_read_it_before_has_a_stale_copy(api: Api, made: Any) -> None:
    generate(api, made)
    api.refused("PUT", "integration", {**made, "name": "older"}, code=409)


def test_only_what_signs_has_a_signing_secret(api: Api, made: Any, platform: Any) -> None:
    ids = {"integrationId": made["id"], "dataSourceId": made["id"]}
    where = "integration/generate/signingSecret"
    (error,) = api.refused("POST", where, ids)["errors"]
    assert (error["field"], error["code"]) == ("dataSourceId", "unknown")
    theirs = make.integration("https://8.8.8.8/").data_sources.get()  # type: ignore[attr-defined]
    ids = {"integrationId": str(theirs.integration_id), "dataSourceId": str(theirs.pk)}
    api.refused("POST", where, ids, code=404)
    DataSource.objects.across_platforms().filter(pk=made["dataSources"][0]["id"]).update(
        connector="slack"
    )
    ids = {"integrationId": made["id"], "dataSourceId": made["dataSources"][0]["id"]}
    (error,) = api.refused("POST", where, ids)["errors"]
    assert (error["field"], error["code"]) == ("dataSourceId", "not_signed")


@pytest.mark.parametrize(
    "secret", ["whsk_AAAA", "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="]
)
def test_what_can_not_sign_is_refused(api: Api, made: Any, secret: str) -> None:
    source = webhook(settings={"secret": secret})
    body = {"id": made["id"], "dataSources": [source]}
    (error,) = api.refused("PUT", "integration", body)["errors"]
    assert (error["field"], error["code"]) == (
        "dataSources[0].settings.secret",
        "invalid_secret",
    )
