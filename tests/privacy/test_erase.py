"""A person's data is erased on request, and what was delivered stays known."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from integrations import privacy
from integrations.models import (
    Email,
    EntityChange,
    File,
    ImportRow,
    IntegrationObject,
    Level,
    Log,
    RequestLog,
    Status,
)
from otms.accounts.models import AuditEntry, Platform
from tests import make

pytestmark = pytest.mark.django_db
ANN = "ann@example.com"
WHERE = (EntityChange, IntegrationObject, RequestLog, Log, Email, ImportRow, File)


def delivered(platform: Platform, status: str = Status.SUCCESS) -> IntegrationObject:
    """Something about Ann in every place where it can stand."""
    integration = make.integration(platform=platform)
    order = make.OrderFactory(platform=platform)
    change = EntityChange.objects.create(
        platform=platform,
        entity="transportOrder",
        entity_id=order.pk,
        reference="4711",
        action="created",
        after={"customer": {"name": "Ann Smith", "email": "ANN@example.com"}, "no": 4711},
    )
    row = next(
        each
        for each in IntegrationObject.objects.enqueue([change])
        if each.integration_id == integration.pk
    )
    row.status, row.error = status, f"no customer {ANN}"
    row.save()
    row.line(Level.ERROR, "target_refused", f"{ANN} is unknown", {"seen": [ANN]}).save()
    RequestLog.objects.create(
        platform=platform,
        integration=integration,
        object=row,
        attempt=1,
        method="POST",
        url=f"mailto:{ANN}",
        request_body='{"to":"Ann Smith","x":"Joann Smithson"}',
        response_status=422,
        duration_ms=12.5,
    )
    make.EmailFactory(platform=platform, sender=f"Ann Smith <{ANN}>", address=ANN, body="Ann Smith")
    task = make.task(platform=platform)
    ImportRow.objects.create(
        platform=platform, task=task, position=0, outcome="rejected", errors=[["email", "x", ANN]]
    )
    make.FileFactory(
        platform=platform, content=f"name\nAnn Smith;{ANN}\n".encode(), encoding="utf-8"
    )
    return row


def everything(platform: Platform) -> str:
    rows = [row for model in WHERE for row in model.objects.filter(platform=platform).values()]
    return str([bytes(v) if isinstance(v, memoryview) else v for r in rows for v in r.values()])


def run(platform: Platform, *texts: str, **options: Any) -> str:
    out = StringIO()
    call_command(
        "erase", *(texts or (ANN, "Ann Smith")), platform=platform.name, stdout=out, **options
    )
    return out.getvalue()


def test_it_is_gone_from_everywhere_and_the_delivery_is_known(platform: Platform) -> None:
    row = delivered(platform)
    run(platform)
    text = everything(platform)
    assert ANN not in text.lower()
    assert "Ann Smith" not in text
    assert "Joann Smithson" in text  # a whole word and not a part of one
    row.refresh_from_db()
    assert (row.status, row.error) == ("SUCCESS", "no customer [erased]")
    assert row.change.after == {"customer": {"name": "[erased]", "email": "[erased]"}, "no": 4711}
    log = RequestLog.objects.of(platform).get()
    assert (log.response_status, log.duration_ms) == (422, 12.5)


def test_a_preview_counts_and_changes_nothing(platform: Platform) -> None:
    delivered(platform)
    before = everything(platform)
    said = run(platform, dry_run=True)
    assert "request logs: 1 of 1 would be changed" in said
    assert everything(platform) == before
    assert not AuditEntry.objects.of(platform).filter(action="erase:personalData").exists()


def test_what_waits_is_delivered_whole_and_said(platform: Platform) -> None:
    row = delivered(platform, Status.RETRY)
    assert "still wait" in run(platform)
    row.refresh_from_db()
    assert row.change.after["customer"]["name"] == "Ann Smith"
    IntegrationObject.objects.of(platform).update(status=Status.SUCCESS)
    assert "still wait" not in run(platform)
    assert "Ann Smith" not in everything(platform)


def test_another_platform_keeps_its_own(platform: Platform) -> None:
    other = make.PlatformFactory()
    delivered(platform)
    delivered(other)
    before = everything(other)
    run(platform)
    assert everything(other) == before


def test_whoever_is_stopped_half_way_begins_anew(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy, "BATCH", 2)
    for _ in range(3):
        delivered(platform)
    going = privacy.erase(platform, [ANN, "Ann Smith"])
    next(going)
    going.close()
    assert ANN in everything(platform)
    IntegrationObject.objects.of(platform).update(status=Status.SUCCESS)
    run(platform)
    assert ANN not in everything(platform).lower()


def test_the_trail_says_that_it_was_done_and_not_what(platform: Platform) -> None:
    delivered(platform)
    run(platform)
    entry = AuditEntry.objects.of(platform).get(action="erase:personalData")
    assert "request logs (1)" in entry.note
    assert "ann" not in str(vars(entry)).lower()


@pytest.mark.parametrize("texts", [["an"], ["  "], [f"text {n}" for n in range(21)], ["x" * 301]])
def test_what_can_not_be_looked_for_is_refused(platform: Platform, texts: list[str]) -> None:
    with pytest.raises(CommandError):
        run(platform, *texts)
