"""A person's data is erased on request, and what was delivered stays known."""

import email
import email.policy
from email.message import EmailMessage
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from integrations import privacy
from integrations.core.detection import detect
from integrations.models import (
    Email,
    EntityChange,
    ExternalId,
    File,
    ImportRow,
    IntegrationObject,
    Level,
    Log,
    Replay,
    RequestLog,
    Status,
    Task,
)
from integrations.privacy import rows
from integrations.privacy.texts import ERASED
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


def test_what_is_told_together_with_what_waits_stays_whole(platform: Platform) -> None:
    """Else it would be told as a change of the person's name."""
    done = delivered(platform)
    row = delivered(platform, Status.QUEUE)
    IntegrationObject.objects.of(platform).filter(pk=row.pk).update(since=done.change)
    assert "still wait" in run(platform)
    done.change.refresh_from_db()
    assert done.change.after["customer"]["name"] == "Ann Smith"
    IntegrationObject.objects.of(platform).update(status=Status.SUCCESS)
    run(platform)
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
    monkeypatch.setattr(rows, "BATCH", 2)
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
    trail = AuditEntry.objects.of(platform).filter(action="erase:personalData").order_by("id")
    begun, done = trail
    assert begun.note == "Begun."
    assert "request logs (1)" in done.note
    assert "ann" not in str([vars(entry) for entry in trail]).lower()


def test_whoever_is_stopped_half_way_has_left_a_trace(platform: Platform) -> None:
    delivered(platform)
    going = privacy.erase(platform, ["4711", ANN])
    next(each for each in going if each.rows)
    going.close()
    assert [entry.note for entry in AuditEntry.objects.of(platform)] == ["Begun."]


def test_a_dry_run_and_a_run_that_finds_nothing_say_so_once(platform: Platform) -> None:
    delivered(platform)
    assert run(platform, "Zebediah", dry_run=True).count("Nothing would be changed.") == 1
    assert run(platform, "Zebediah").count("Nothing was changed.") == 1
    assert "0 of" not in run(platform, "Zebediah")


def test_a_platform_that_there_is_not_is_told_which_there_are(platform: Platform) -> None:
    with pytest.raises(CommandError, match=rf"no platform 'Acmee'.*{platform.name}"):
        call_command("erase", ANN, platform="Acmee")


@pytest.fixture
def records(platform: Platform) -> list[Any]:
    """Ann in what people edit: an order's consignment and goods, a business, an event."""
    order = make.OrderFactory(platform=platform)
    consignment = make.ConsignmentFactory(
        transport_order=order, original_physical_addressee={"name": "Ann Smith"}
    )
    make.GoodsFactory(consignment=consignment, description="Of Ann Smith")
    business = make.BusinessFactory(platform=platform, contact_details=[{"value": ANN}])
    event = make.EventFactory(platform=platform, name="Ann Smith was not at home")
    return [order, business, event]


def test_records_that_still_hold_it_are_named(platform: Platform, records: list[Any]) -> None:
    make.OrderFactory(platform=platform)
    order, business, event = records
    for said in (run(platform, dry_run=True), run(platform)):
        assert f"Still in 1 transport orders: {order.pk}" in said
        assert f"Still in 1 businesses: {business.pk}" in said
        assert f"Still in 1 events: {event.pk}" in said
    note = AuditEntry.objects.of(platform).filter(action="erase:personalData").latest("id").note
    assert "Still in businesses (1), events (1), transport orders (1)" in note
    assert "No order, business or event holds" in run(platform, "Zebediah")


def test_what_a_mail_is_called_is_erased_and_no_two_are_called_the_same(
    platform: Platform,
) -> None:
    for sent in (f"{ANN}.com", ANN):
        make.EmailFactory(platform=platform, message_id=sent, in_reply_to=f"<{sent}>")
    make.EmailFactory(platform=platform, message_id="ann.smith@example.org")
    texts = (ANN, "ann@example.com.com", "ann.smith@example.org")
    run(platform, *texts)
    ids = [each.message_id for each in Email.objects.of(platform)]
    assert len(set(ids)) == 3
    assert all(each.startswith(ERASED) for each in ids)
    assert "ann@" not in everything(platform).lower()
    before = everything(platform)
    run(platform, *texts)
    assert everything(platform) == before


def test_an_external_id_stays_with_its_order_and_goes_after_it(platform: Platform) -> None:
    order = make.OrderFactory(platform=platform)
    entry = ExternalId.objects.create(
        platform=platform,
        integration=make.integration(platform=platform),
        entity="transportOrder",
        entity_id=order.pk,
        external_id=ANN,
    )
    assert f"Still in 1 transport orders: {order.pk}" in run(platform)
    entry.refresh_from_db()
    assert entry.external_id == ANN
    order.delete()
    assert "external ids: 1 of 1 changed" in run(platform)
    entry.refresh_from_db()
    assert entry.external_id == f"{ERASED} {entry.pk}"


def test_a_file_that_is_not_of_the_letters_it_says_is_counted(platform: Platform) -> None:
    content = b'<?xml version="1.0" encoding="utf-8"?><o>Ann Smith \xc3\x81 \xe4</o>'
    found = detect(content)
    make.FileFactory(platform=platform, content=content, encoding=found.encoding)
    assert "not looked into: 1." in run(platform, dry_run=True)
    run(platform)
    assert "not looked into: 1." in AuditEntry.objects.of(platform).latest("id").note


@pytest.mark.parametrize("name", ["Jörg Müller", "Юрий Петров", "Ann Smith"])
def test_a_name_is_found_in_a_mail_that_was_sent(name: str, platform: Platform) -> None:
    message = EmailMessage(email.policy.SMTP.clone(cte_type="7bit"))
    message["Subject"] = f"About the order that was given to us some days ago by {name} and others"
    message["To"] = f'"{name}" <a@example.com>'
    lines = [f"{'x' * filled} é {name} and others" for filled in range(30, 76)]
    message.set_content("\n".join(lines), cte="quoted-printable")
    row = RequestLog.objects.create(
        platform=platform,
        integration=make.integration(platform=platform),
        attempt=1,
        method="SEND",
        url="mailto:a@example.com",
        request_body=message.as_string(),
        duration_ms=1.0,
    )
    run(platform, name)
    row.refresh_from_db()
    read = email.message_from_string(row.request_body, policy=email.policy.default)
    assert read.get_content().count("[erased] and others") == len(lines)
    whole = f"{read['Subject']} {read['To']} {read.get_content()}"
    assert not any(part in whole for part in name.split())


@pytest.mark.parametrize("texts", [["an"], ["  "], [f"text {n}" for n in range(21)], ["x" * 301]])
def test_what_can_not_be_looked_for_is_refused(platform: Platform, texts: list[str]) -> None:
    with pytest.raises(CommandError):
        run(platform, *texts)


@pytest.mark.parametrize("status", ["DONE", "STOPPED", "RUNNING"])
def test_what_a_replay_looked_for_is_erased_when_it_no_longer_does(
    platform: Platform, status: str
) -> None:
    task = make.task(platform=platform)
    Task.objects.of(platform).filter(pk=task.pk).update(status=status)
    replay = Replay.objects.create(
        platform=platform,
        integration=task.integration,
        task=task,
        chosen={"q": "Ann Smith", "status": ["ERROR"]},
    )
    list(privacy.erase(platform, ["Ann Smith"]))
    replay.refresh_from_db()
    kept = "Ann Smith" if status == "RUNNING" else "[erased]"
    assert replay.chosen == {"q": kept, "status": ["ERROR"]}
