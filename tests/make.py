"""Records for tests, whole enough to be real, with keyword overrides."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import factory
import pyotp
from django.contrib.auth.models import Group, Permission
from django.utils.timezone import now
from factory.django import DjangoModelFactory

from integrations.messages import saving
from integrations.models import (
    Alert,
    AlertRecipient,
    AppInstallation,
    Credential,
    DataSource,
    Email,
    File,
    Integration,
    MessageAutomation,
    MessageTemplate,
    Task,
)
from integrations.models.alert import Kind as AlertKind
from otms.accounts import audit
from otms.accounts.models import AuditEntry, PersonalToken, Platform, SecondFactor, Session, User
from otms.accounts.roles import OWNER
from otms.orders.models import Business, Consignment, Event, Goods, TransportOrder

GUIDE_MAPPING = {
    "erp_order_id": "$.transportOrder.id",
    "customer_name": "$.transportOrder.customer.name",
    "status": "$.transportOrder.status",
    "created_date": "$.transportOrder.createdAt",
}
ALL_ACTIONS = {"entity": "transportOrder", "actions": ["created", "updated", "deleted"]}


class PlatformFactory(DjangoModelFactory):
    class Meta:
        model = Platform

    name = factory.Sequence(lambda n: f"Platform {n}")


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User

    platform = factory.SubFactory(PlatformFactory)
    username = factory.Sequence(lambda n: f"person{n}")

    @classmethod
    def _create(
        cls,
        model_class: Any,
        *args: Any,
        role: str | None = None,
        may: Iterable[str] = (),
        **kwargs: Any,
    ) -> User:
        """Somebody who may everything on the platform, or what the role allows and no more.

        Who `may` something by its name has no role, unless one is named too.
        """
        person = User.objects.create_user(*args, **kwargs)
        given = ("" if may else OWNER.name) if role is None else role
        person.groups.set(Group.objects.filter(name=given))
        if may:
            person.user_permissions.set(Permission.objects.filter(codename__in=may))
        return person


class Owned(DjangoModelFactory):
    """A record of a platform."""

    class Meta:
        abstract = True

    platform = factory.SubFactory(PlatformFactory)


class BusinessFactory(Owned):
    class Meta:
        model = Business

    name = factory.Sequence(lambda n: f"Business {n}")


class OrderFactory(Owned):
    class Meta:
        model = TransportOrder

    name = factory.Sequence(lambda n: f"ORD-{n}")
    customer = factory.SubFactory(BusinessFactory, platform=factory.SelfAttribute("..platform"))


class ConsignmentFactory(DjangoModelFactory):
    class Meta:
        model = Consignment

    platform = factory.SelfAttribute("transport_order.platform")
    name = factory.Sequence(lambda n: f"CON-{n}")


class GoodsFactory(DjangoModelFactory):
    class Meta:
        model = Goods

    platform = factory.SelfAttribute("consignment.platform")
    description = factory.Sequence(lambda n: f"pallet {n}")
    quantity = 1


class EventFactory(Owned):
    class Meta:
        model = Event

    type = "ArrivalEvent"
    date_time = datetime(2026, 3, 22, 10, tzinfo=UTC)


class IntegrationFactory(Owned):
    class Meta:
        model = Integration

    name = factory.Sequence(lambda n: f"ERP {n}")


class MessageTemplateFactory(Owned):
    class Meta:
        model = MessageTemplate

    name = factory.Sequence(lambda n: f"Template {n}")
    subject = "Order {{transportOrder.name}}"
    body = "It is {{transportOrder.status}}."


class FileFactory(Owned):
    class Meta:
        model = File

    original_name = factory.Sequence(lambda n: f"orders-{n}.csv")
    content = b"order;customer\n4711;Acme\n"
    size = 26
    format = "csv"


class EmailFactory(Owned):
    class Meta:
        model = Email

    sender = "Ann <ann@example.com>"
    address = "ann@example.com"
    subject = factory.Sequence(lambda n: f"Order {n}")
    body = "20 pallets"


class InstallationFactory(Owned):
    """An installed app that waits for its settings."""

    class Meta:
        model = AppInstallation

    app = "slack"
    version = "1.0.0"
    name = factory.Sequence(lambda n: f"Slack {n}")


def integration(
    url: str = "", *, secrets: Any = None, mapping: Any = GUIDE_MAPPING, **fields: Any
) -> Integration:
    """An integration; with a URL it delivers there."""
    made = IntegrationFactory(**fields)
    if url:
        DataSource.objects.create(
            platform=made.platform,
            integration=made,
            settings={"url": url},
            secrets=secrets or {},
            mapping=mapping,
        )
    return Integration.objects.of(made.platform).get(pk=made.pk)


def recipient(**fields: Any) -> AlertRecipient:
    """A recipient of alerts whose webhook answers nobody."""
    given = {"url": "http://127.0.0.1/hook", **fields}
    return AlertRecipient.objects.create(**{"platform": PlatformFactory(), **given})


def alert(**fields: Any) -> Alert:
    """An alert of an integration of its own."""
    integration = IntegrationFactory(**fields)
    text = "It answered 503."
    return Alert.objects.tell(
        integration.pk, integration.platform_id, AlertKind.TROUBLE, None, text, now()
    )


def automation(platform: Platform | None = None, **fields: Any) -> MessageAutomation:
    """A message automation that tells the customer of a realized order."""
    template = MessageTemplateFactory(platform=platform or PlatformFactory())
    given = {"name": "Order realized", "trigger": "transportOrder.status.realized", **fields}
    texts = {"message_template": {"id": template.pk}}
    return saving.save_automation(template.platform, {**texts, **given})


def consignment(**fields: Any) -> Consignment:
    """A consignment of an order of its own."""
    made: Consignment = ConsignmentFactory(transport_order=OrderFactory(**fields))
    return made


def token(user: User) -> str:
    """A token that was used a moment ago: its next use writes nothing."""
    return PersonalToken.generate(user, "tests", last_used_at=now())[1]


def credential(platform: Platform | None = None) -> Credential:
    """A credential of an integration of its own."""
    return Credential.generate(IntegrationFactory(**({"platform": platform} if platform else {})))[
        0
    ]


def session(platform: Platform | None = None, user: User | None = None) -> Session:
    """A login of this person, or of one of the platform."""
    if user is None:
        platform = platform or PlatformFactory()
        there = User.objects.filter(platform=platform)
        user = there.first() or UserFactory(platform=platform)
    opened = Session.start(user, ip=None, device="")
    assert opened
    return opened[0]


def second_factor(platform: Platform | None = None) -> SecondFactor:
    """What somebody of the platform logs in with beside the password."""
    factor = SecondFactor.begin(UserFactory(platform=platform or PlatformFactory()))
    factor.confirm(pyotp.TOTP(factor.secret).now())
    return factor


def personal_token(platform: Platform | None = None) -> PersonalToken:
    user = UserFactory(platform=platform or PlatformFactory())
    return PersonalToken.generate(user, "of somebody")[0]


def task(**fields: Any) -> Task:
    """An import of nothing yet."""
    of = IntegrationFactory(**fields)
    return Task.objects.create(platform=of.platform, integration=of, kind="import")


def audit_entry(platform: Platform | None = None) -> AuditEntry:
    """Something that was done to a platform."""
    platform = platform or PlatformFactory()
    audit.record("create:platform", platform)
    found = AuditEntry.objects.of(platform).order_by("-id").first()
    assert found
    return found
