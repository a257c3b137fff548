"""Every call of the API, as every caller, about the own platform and about another's."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import include, path
from django.utils.timezone import now
from rest_framework.response import Response

from integrations.models import AppAccessToken, Credential
from otms.accounts.access import access_token
from otms.accounts.models import PersonalToken, Session
from otms.api.router import Route, Router, actions, route
from otms.api.views import PlatformViewSet
from otms.orders.models import TransportOrder
from otms.urls import router  # where every viewset is registered
from otms.urls import urlpatterns as served
from tests import make
from tests.conftest import Api
from tests.walk import furnished, table
from tests.walk.table import NO, OWN, YES
from tests.walk.walking import Walk

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(600)]

MAPPING = {"id": "$.transportOrder.id"}
DATA = {"transportOrder": {"id": "1"}}
WHEN = "2026-03-22T10:00:00Z"
AUTOMATION = {"name": "walked", "trigger": "transportOrder.status.realized"}
MAIL = {"from": "ann@example.com", "subject": "walked", "body": "20 pallets"}


def named(record: Any) -> dict[str, str]:
    return {"id": str(record.pk)}


# What is sent with a call, naming records of one platform. A call that is new and takes a body is
# told here; who may make it is told in docs/reference/permissions.md and otms/accounts/roles.py.
BODIES: dict[str, Callable[[Any], list[Any]]] = {
    "create:transportOrder": lambda of: [{"name": "walked", "customer": named(of.business)}],
    "create:business": lambda of: [{"name": "walked", "partOf": named(of.business)}],
    "create:event": lambda of: [
        {"type": "ArrivalEvent", "dateTime": WHEN, "transportOrder": named(of.order)}
    ],
    "create:integration": lambda of: [{"name": "walked", "type": "configured"}],
    "create:messageTemplate": lambda of: [{"name": "walked", "subject": "x", "body": "x"}],
    "create:messageAutomation": lambda of: [{**AUTOMATION, "messageTemplate": named(of.template)}],
    "create:alertRecipient": lambda of: [
        {"url": "https://127.0.0.1/page", "integrationId": str(of.integration.pk)}
    ],
    "update:alertRecipient": lambda of: [
        {**named(of.recipient), "name": "walked", "integrationId": str(of.integration.pk)}
    ],
    "update:transportOrder": lambda of: [
        {**named(of.order), "name": "walked", "customer": named(of.business)}
    ],
    "update:consignment": lambda of: [{**named(of.consignment), "name": "walked"}],
    "update:business": lambda of: [{**named(of.business), "name": "walked"}],
    "update:integration": lambda of: [{**named(of.integration), "name": "walked"}],
    "update:appInstallation": lambda of: [{**named(of.installation), "name": "walked"}],
    "update:messageTemplate": lambda of: [{**named(of.template), "name": "walked"}],
    "update:messageAutomation": lambda of: [
        {**named(of.automation), "name": "walked", "messageTemplate": named(of.template)}
    ],
    "generate:integration:credentials": lambda of: [{"integrationId": str(of.integration.pk)}],
    "generate:integration:signingSecret": lambda of: [
        {"integrationId": str(of.integration.pk), "dataSourceId": str(of.source.pk)}
    ],
    "begin:user:secondFactor": lambda of: [{"password": "wrong"}],
    "confirm:user:secondFactor": lambda of: [{"otp": "000000"}],
    "generate:user:recoveryCodes": lambda of: [{"password": "wrong", "otp": "000000"}],
    "remove:user:secondFactor": lambda of: [{"password": "wrong", "otp": "000000"}],
    "create:user:token": lambda of: [{"name": "walked"}],
    "import:data": lambda of: [
        {"integrationId": str(of.integration.pk), "data": [{"externalId": "1", "name": "walked"}]}
    ],
    "receive:integration:email": lambda of: [MAIL],
    "receive:transportOrder:mail": lambda of: [MAIL],
    "replay:integration:objects": lambda of: [
        {"ids": [str(of.row.uuid)], "dryRun": True},
        {"filter": {"status": ["ERROR"]}},
    ],
    "erase:personalData": lambda of: [
        {"texts": ["nobody@example.com"], "dryRun": True},
        {"texts": ["nobody@example.com"]},
    ],
    "test:integration": lambda of: [{}, {"entityId": str(of.order.pk), "force": True}],
    "test:mapping": lambda of: [{"mapping": MAPPING, "testData": DATA}],
    "test:fileTemplate:mapping": lambda of: [{"mapping": MAPPING, "testData": DATA}],
    "suggest:mapping": lambda of: [{"example": {"order_no": "4711"}}],
    "upload:integration:file": lambda of: [{"integrationId": str(of.integration.pk)}],
    "install:app": lambda of: [{}],
    "search:transportOrders": lambda of: [{}, named(of.order), {"customer": named(of.business)}],
    "search:transportOrders:extended": lambda of: [{}, {"id": [str(of.order.pk)]}],
    "search:businesses": lambda of: [{}, named(of.business)],
    "search:events": lambda of: [{}, {"transportOrder": named(of.order)}],
    "search:users": lambda of: [{}, named(of.user)],
    "search:integrations": lambda of: [{}, named(of.integration)],
    "search:messageAutomations": lambda of: [{}, {"messageTemplate": named(of.template)}],
    "search:messageTemplates": lambda of: [{}, named(of.template)],
    "search:alertRecipients": lambda of: [{}, {"integrationId": str(of.integration.pk)}],
}
# What is asked in the address, without which a call is refused.
QUERIES: dict[str, Callable[[Any], str]] = {
    "get:integration:explanation": lambda of: f"?entityId={of.order.pk}",
}
# The same once more, to be made under an id that is taken, on the other platform.
TAKEN: dict[str, Callable[[Any], Any]] = {
    "create:transportOrder": lambda of: {**named(of.order), "name": "walked"},
    "create:business": lambda of: {**named(of.business), "name": "walked"},
    "create:integration": lambda of: {
        **named(of.integration),
        "name": "walked",
        "type": "configured",
    },
    "create:alertRecipient": lambda of: {**named(of.recipient), "url": "https://127.0.0.1/page"},
    "create:messageTemplate": lambda of: {
        **named(of.template),
        "name": "walked",
        "subject": "x",
        "body": "x",
    },
}
# What is sent names nothing of any platform.
NAMELESS = {
    *("create:integration", "create:messageTemplate", "install:app"),
    *("test:mapping", "test:fileTemplate:mapping", "suggest:mapping", "erase:personalData"),
    *("receive:integration:email", "receive:transportOrder:mail"),
}
# Calls that are right, and that these records are not ready for.
ALSO = {
    "logout:user": {400},  # a personal token has no session
    "begin:user:secondFactor": {403},  # the password is wrong
    "confirm:user:secondFactor": {409},  # none was begun
    "generate:user:recoveryCodes": {409},  # there is none
    "remove:user:secondFactor": {409},
    "cancel:integration:object": {409},  # what failed waits for nothing
    "stop:integration:task": {409},  # it is done
    "resume:integration:task": {409},
    "accept:transportOrder": {409},  # nobody requested it
    "delete:business": {409},  # its orders name it
    "delete:messageTemplate": {409},  # its automation sends it
}


class Shown(NamedTuple):
    """What a caller shows: a token, or where that is good for nothing, what a login gave."""

    token: str = ""
    session: str = ""

    def by(self, each: Route) -> str:
        return self.session if each.by_hand and self.session else self.token


def callers(own: SimpleNamespace) -> dict[str, Shown]:
    """Who calls, each with a token to show."""
    tokens = {
        caller: Shown(make.token(person), access_token(make.session(user=person)))
        for caller, person in furnished.people(own).items()
    }
    still = now() + timedelta(hours=1)
    credential = Credential.generate(own.integration, revoke_older_at=still)[1]["token"]
    app = AppAccessToken.generate(own.installation, sorted(table.of_apps()))[1]["token"]
    return {**tokens, "integration": Shown(credential), "app": Shown(app), "nobody": Shown()}


def said(caller: str, name: str) -> str:
    """What the table says: may this caller make this call?"""
    if caller == "integration":
        return YES if name in table.of_credentials() else NO
    if caller == "app":
        return YES if name in table.of_apps() else NO
    if caller == "nobody":
        return NO
    cells = OF_ROLES.get(name)
    assert cells, f"say in {table.PAGE.name} who may {name}"
    if caller == "superuser":
        return YES
    is_own = OWN in cells.values()
    return cells.get(caller, OWN if is_own else NO)


OF_ROLES = table.of_roles()


def wanted(caller: str, each: Route, whose: str, is_taken: bool = False) -> set[int]:
    """The statuses that are right."""
    if each.public:
        return {400, 401}
    may = said(caller, each.name)
    about = "<id:id>" in each.path or each.method == "PUT"
    if may == NO:
        return {401 if caller == "nobody" else 403}
    if each.own and "<id:id>" not in each.path:  # about whoever calls
        return {200, *ALSO.get(each.name, ())}
    if may == OWN:
        return {404} if whose == "foreign" else {403}
    if is_taken:
        return {400}
    if whose == "own" or each.name in NAMELESS or not (about or each.name in BODIES):
        return {200, *ALSO.get(each.name, ())}
    if each.name.startswith("search:"):
        return {200}
    return {404} if about and each.name not in NAMELESS else {400, 404}


def filled(each: Route, record: Any) -> str:
    """The path with the id of a record in it."""
    assert record or "<id:" not in each.path, f"furnish one for {each.path}"
    id = str(getattr(record, "uuid", record.pk)) if record else ""
    where = each.path.replace("<id:id>", id).replace("<str:app>", "slack")
    where = where.replace("<str:offset>", "0").replace("<str:amount>", "50")
    assert "<" not in where, f"say here what {each.path} needs"
    return where


def send(token: str, each: Route, where: str, body: Any) -> Any:
    if each.name == "upload:integration:file":
        sent = SimpleUploadedFile("walked.csv", b"order;customer\n1;2\n")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = Api().client
        return client.post(f"/api/{where}", {**body, "file": sent}, headers=headers)
    return Api(token)(each.method, where, body)


def make_walk(walk: Walk, found: list[type[Any]], who: dict[str, Shown]) -> None:
    """Every call of these viewsets, as everybody, about both platforms."""
    sides = {"own": walk.own, "foreign": walk.foreign}
    records = {whose: furnished.by_model(of) for whose, of in sides.items()}
    for viewset in found:
        for each in actions(viewset).values():
            for whose, of in sides.items():
                record = records[whose].get(getattr(viewset, "model", None))
                if each.path.startswith("user/<id:id>"):
                    record = of.visitor
                where = filled(each, record) + QUERIES.get(each.name, lambda _: "")(of)
                bodies = BODIES.get(each.name, lambda _: [None])(of)
                taken = [TAKEN[each.name](of)] if whose == "foreign" and each.name in TAKEN else []
                for body in [*bodies, *taken]:
                    for caller, shown in who.items():
                        with walk.step(caller, f"{each.method} {where} {body or ''}") as step:
                            answer = send(shown.by(each), each, where, body)
                            right = wanted(caller, each, whose, body in taken)
                            step.answered(answer, right, f"{where} {body}")


@pytest.mark.long
def test_nobody_calls_what_they_may_not_or_sees_and_changes_what_is_anothers(walk: Walk) -> None:
    make_walk(walk, router.viewsets, callers(walk.own))
    walk.check("the API")
    assert sum(walk.calls.values()) > 1000


def test_everybody_may_what_is_own_about_themselves(walk: Walk) -> None:
    for caller, person in furnished.people(walk.own).items():
        session = Session.start(person, ip=None, device="own")
        assert session
        for method, where in (
            ("GET", f"user/{person.pk}/sessions/0/5"),
            ("DELETE", f"user/session/{session[0].pk}"),
            ("GET", f"user/{person.pk}/tokens/0/5"),
            ("DELETE", f"user/token/{PersonalToken.generate(person, 'own')[0].pk}"),
        ):
            with walk.step(caller, f"{method} {where}") as step:
                step.answered(Api(make.token(person))(method, where), {200})
        with walk.step(caller, "logout") as step:
            step.answered(Api(access_token(session[0]))("POST", "user/logout"), {200})
    walk.check("about oneself")


# What is served for everybody, and shows nothing of anybody.
FOR_EVERYBODY = {"api/schema", "api/schema/mapping", "api/schema/filters", "api/docs"}


def strays(urlpatterns: list[Any]) -> set[str]:
    """What is served under api/ and is no call that the walk makes."""
    known = FOR_EVERYBODY | {f"api/{each.path}" for each in router.routes()}
    found = set()
    for pattern in urlpatterns:
        where = str(pattern.pattern)
        inside = getattr(pattern, "url_patterns", None)
        if inside is not None:
            found |= {f"{where}{each.pattern}" for each in inside}
        else:
            found.add(where)
    return {each for each in found if each.startswith("api/")} - known


def test_all_that_is_served_is_walked_through() -> None:
    assert strays(served) == set()


# What is planted, and found.


class Planted(PlatformViewSet):
    """Somebody forgot to ask who calls, and whose records these are."""

    permission_classes = []
    model = TransportOrder

    @route("GET", "planted", "get:integrations")
    def planted(self, request: Any) -> Response:
        return Response({"names": list(TransportOrder._base_manager.values_list("name"))})


class Unlisted(PlatformViewSet):
    """A call that the table says nothing about."""

    @route("GET", "planted", "get:everything")
    def planted(self, request: Any) -> Response:
        return Response({})


class Addresses:
    """What ROOT_URLCONF names: the addresses of today, and one more."""

    def __init__(self, more: Any) -> None:
        self.urlpatterns = [more, *served]


def planted(viewset: type[Any], settings: LazySettings) -> Addresses:
    also = Router()
    also.register(viewset)
    settings.ROOT_URLCONF = found = Addresses(path("api/", include(also.urls)))
    return found


def test_a_view_that_does_not_ask_is_found(walk: Walk, settings: LazySettings) -> None:
    planted(Planted, settings)
    who = callers(walk.own)
    make_walk(walk, [Planted], {name: who[name] for name in ("nobody", "support")})
    assert [each for each in walk.faults if each.startswith("nobody") and "200" in each]
    assert [each for each in walk.leaks if each.startswith("support") and "foreign-order" in each]


def test_a_call_that_the_table_says_nothing_about_is_found(
    walk: Walk, settings: LazySettings
) -> None:
    planted(Unlisted, settings)
    with pytest.raises(AssertionError, match=r"say in permissions.md who may get:everything"):
        make_walk(walk, [Unlisted], {"read-only": callers(walk.own)["read-only"]})


def test_a_view_beside_the_router_is_found() -> None:
    assert strays([path("api/planted", lambda request: None), *served]) == {"api/planted"}
