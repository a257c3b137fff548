"""Two platforms with the same things in each, and a person of the first in front of the admin."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations.models import (
    Alert,
    AlertRecipient,
    Credential,
    EntityChange,
    ImportRow,
    Integration,
    IntegrationObject,
    Level,
    RequestLog,
    Status,
    Task,
)
from otms import documents
from otms.accounts.models import AuditEntry, PersonalToken, User
from tests import make

SECRET = "the-signing-secret"


def staff(platform: Any, **fields: Any) -> Any:
    return make.UserFactory(platform=platform, is_staff=True, **fields)


def queued(integration: Integration, order: Any, **fields: Any) -> IntegrationObject:
    """A change of an order, queued for the integration, with a line and an exchange about it."""
    change = EntityChange.objects.create(
        platform=order.platform,
        entity="transportOrder",
        entity_id=order.pk,
        reference=order.reference,
        action="created",
        after={"id": str(order.pk), "name": order.reference},
    )
    (row,) = IntegrationObject.objects.of(order.platform).enqueue([change])
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()
    row.line(Level.ERROR, "target_refused", f"{order.reference} was refused").save()
    RequestLog.objects.create(
        platform=order.platform,
        integration=integration,
        object=row,
        attempt=1,
        method="POST",
        url=f"http://127.0.0.1/{order.reference}",
        request_body='{"sent":1}',
        response_status=422,
        response_body='{"why":"no such customer"}',
        duration_ms=12.5,
    )
    return row


def furnish(platform: Any, mark: str) -> SimpleNamespace:
    """One of everything; what can be read of it bears the mark."""
    person = staff(platform, username=f"{mark}-person", is_superuser=True)
    integration = make.integration(
        f"http://127.0.0.1/{mark}",
        platform=platform,
        name=f"{mark}-integration",
        secrets={"secret": SECRET},
    )
    customer = make.BusinessFactory(platform=platform, name=f"{mark}-customer")
    order = make.OrderFactory(platform=platform, name=f"{mark}-order", customer=customer)
    consignment = make.ConsignmentFactory(transport_order=order, name=f"{mark}-consignment")
    goods = make.GoodsFactory(consignment=consignment, description=f"{mark}-goods")
    event = make.EventFactory(platform=platform, name=f"{mark}-event", transport_order=order)
    row = queued(
        integration,
        order,
        status=Status.ERROR,
        due_at=None,
        holds_lane=False,
        error=f"{mark}-error",
    )
    task = Task.objects.create(
        platform=platform,
        integration=integration,
        kind="import",
        status="DONE",
        total=2,
        done=2,
        failed=1,
        started_by=f"{mark}-person",
    )
    ImportRow.objects.create(
        platform=platform,
        task=task,
        position=1,
        outcome="rejected",
        external_id=f"{mark}-row",
        errors=[["status", "invalid_choice", "Choose one of these."]],
    )
    file = make.FileFactory(platform=platform, original_name=f"{mark}-orders.csv")
    email = make.EmailFactory(
        platform=platform,
        integration=integration,
        subject=f"{mark}-mail",
        body=f"{mark}-body",
        transport_order=order,
    )
    automation = make.automation(platform, name=f"{mark}-automation", enabled=False)
    template = automation.template
    template.name = f"{mark}-template"
    template.save()
    session = make.session(platform, user=person)
    session.device = f"{mark}-device"
    session.save()
    token, _ = PersonalToken.generate(person, f"{mark}-token")
    Credential.generate(integration)
    entries = AuditEntry.objects.of(platform).filter(entity_id=integration.pk)
    installation = make.InstallationFactory(platform=platform, name=f"{mark}-app")
    recipient = AlertRecipient.objects.create(
        platform=platform,
        name=f"{mark}-recipient",
        integration=integration,
        url=f"http://127.0.0.1/{mark}",
        secrets={"secret": SECRET},
    )
    alert = Alert.objects.using("default").tell(
        integration.pk, platform.pk, "trouble", None, f"{mark}-trouble", now()
    )
    Alert.objects.all().address()
    return SimpleNamespace(
        platform=platform,
        installation=installation,
        user=person,
        integration=integration,
        source=integration.data_sources.get(),
        business=customer,
        order=order,
        consignment=consignment,
        goods=goods,
        event=event,
        row=row,
        automation=automation,
        template=template,
        log=row.log_entries.get(),
        request=row.requestlog_entries.get(),
        token=token,
        session=session,
        entry=entries.get(),
        task=task,
        file=file,
        email=email,
        recipient=recipient,
        alert=alert,
    )


@pytest.fixture
def own(db: None) -> SimpleNamespace:
    return furnish(make.PlatformFactory(), "own")


@pytest.fixture
def foreign(db: None) -> SimpleNamespace:
    return furnish(make.PlatformFactory(), "foreign")


class Browser:
    """The admin as a person uses it: read a page, fill in its form, send it."""

    def __init__(self, user: User) -> None:
        self.client = Client()
        self.client.force_login(user)

    def open(self, address: str) -> Any:
        return self.client.get(address, follow=True)

    def html(self, address: str) -> str:
        answer = self.open(address)
        assert answer.status_code == 200
        return str(answer.content.decode())

    def looks(self, address: str) -> int:
        """How often this page asks the database for something.

        What is written is left out, with the lock taken for it: that the caller was here is, once
        a minute.
        """
        with CaptureQueriesContext(connection) as captured:
            self.html(address)
        asked = [query["sql"] for query in captured if query["sql"].startswith("SELECT")]
        return sum("FOR NO KEY UPDATE" not in each for each in asked)

    def fields(self, address: str) -> dict[str, Any]:
        """What the form on this page would send if nothing were typed."""
        context = self.open(address).context
        given = _of_form(context["adminform"].form)
        for inline in context["inline_admin_formsets"]:
            given |= _of_formset(inline.formset)
        return given

    def send(self, address: str, **typed: Any) -> Any:
        """Send the form of this page with what was typed (`__` stands for `-`)."""
        given = self.fields(address) | {
            name.replace("__", "-"): value for name, value in typed.items()
        }
        return self.client.post(address, given, follow=True)

    def saved(self, address: str, **typed: Any) -> Any:
        answer = self.send(address, **typed)
        assert answer.redirect_chain, errors(answer)
        return answer


def _of_formset(formset: Any) -> dict[str, Any]:
    given = _of_form(formset.management_form)
    for form in formset.forms:
        given |= _of_form(form)
        for nested in getattr(form, "nested_formsets", ()):
            given |= _of_formset(nested.formset)
    return given


def _of_form(form: Any) -> dict[str, Any]:
    given = {}
    for bound in form:
        value = bound.value()
        if callable(value):
            value = value()
        if value is None or value is False:
            continue
        several = getattr(bound.field.widget, "allow_multiple_selected", False)
        if isinstance(value, list | dict) and not several and bound.name != "user_permissions":
            value = documents.dumps(value).decode()
        given[bound.html_name] = value
    return given


def errors(answer: Any) -> dict[str, Any]:
    """Every error of the form that came back, by the field's name in the form."""
    found = dict(answer.context["adminform"].form.errors)
    for inline in answer.context["inline_admin_formsets"]:
        for form in inline.formset.forms:
            found |= {f"{form.prefix}-{name}": texts for name, texts in form.errors.items()}
    return found


def told(answer: Any) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


def without_tags(html: str) -> str:
    return re.sub(r"<[^>]+>", " ", html)


@pytest.fixture
def browser(own: SimpleNamespace) -> Browser:
    return Browser(own.user)
