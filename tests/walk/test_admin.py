"""Every page and every action of the admin, as everybody, about the own platform and another's."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import get_resolver, include, path, resolve, reverse
from django.urls.resolvers import URLPattern
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from unfold.decorators import action as unfold_action

from integrations.admin.integration import IntegrationAdmin
from integrations.models import (
    Alert,
    AlertRecipient,
    AppInstallation,
    Email,
    File,
    Integration,
    IntegrationObject,
    Log,
    MessageAutomation,
    MessageTemplate,
    RequestLog,
    Task,
)
from otms.accounts.models import AuditEntry, PersonalToken, Session, User
from otms.accounts.platform_admin import PlatformAdmin
from otms.orders.models import Business, Event, TransportOrder
from tests.admin.conftest import Browser
from tests.walk import furnished, table
from tests.walk.table import YES
from tests.walk.walking import Walk

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(600)]

NOBODY, OPERATOR, EVERYBODY, VISITOR = "nobody", "the operator", "who is logged in", "a visitor"
# What the pages of each kind of record are about, as in the names of permissions.
NOUNS: dict[Any, str] = {
    User: "user",
    AuditEntry: "audit",
    Session: "user:sessions",
    PersonalToken: "user:tokens",
    TransportOrder: "transportOrder",
    Business: "business",
    Event: "event",
    Integration: "integration",
    AppInstallation: "appInstallation",
    MessageAutomation: "messageAutomation",
    MessageTemplate: "messageTemplate",
    IntegrationObject: "integration:object",
    Log: "integration:logs",
    RequestLog: "integration:requestLogs",
    Task: "integration:task",
    File: "integration:file",
    Email: "integration:email",
    AlertRecipient: "alertRecipient",
    Alert: "alerts",
}
# What happened is only looked at.
FACTS = {
    *(AuditEntry, Session, PersonalToken, IntegrationObject, Log, RequestLog, Task),
    *(File, Email, Alert),
}
# Everybody sees what they have of these themselves.
OWN_LISTS = {Session, PersonalToken}
OF_DEPLOYMENT = (PeriodicTask, IntervalSchedule, CrontabSchedule)
EXCEPT = {("add", AppInstallation): "install:app", ("delete", User): NOBODY}
# Of a list, with records that were chosen; and of one record.
ACTIONS = {
    ("log_out", Session): "delete:user:session",
    ("revoke", PersonalToken): "delete:user:token",
    ("pause", Integration): "update:integration",
    ("resume", Integration): "update:integration",
    ("switch_on", MessageAutomation): "update:messageAutomation",
    ("switch_off", MessageAutomation): "update:messageAutomation",
    ("duplicate", MessageAutomation): "duplicate:messageAutomation",
    ("send_test", AlertRecipient): "test:alertRecipient",
    ("requeue", IntegrationObject): "requeue:integration:object",
    ("requeue_anew", IntegrationObject): "requeue:integration:object",
    ("replay", IntegrationObject): "replay:integration:objects",
    ("cancel", IntegrationObject): "cancel:integration:object",
    ("stop", Task): "stop:integration:task",
    ("resume", Task): "resume:integration:task",
}
ACTIONS_OF_ONE = {
    ("password_link", User): "update:user",
    ("login_safety", User): "update:user",
    ("see_queue", Integration): "get:integration:object",
    ("see_logs", Integration): "get:integration:logs",
    ("see_requests", Integration): "get:integration:requestLogs",
    ("credentials", Integration): "generate:integration:credentials",
    ("signing", Integration): "generate:integration:signingSecret",
    ("leave", AppInstallation): "delete:appInstallation",
    ("see_messages", MessageAutomation): "get:integration:object",
    ("see_integration", MessageAutomation): "get:integration",
    ("revoke_this", PersonalToken): "delete:user:token",
    ("download", File): "get:integration:file",
    ("requeue", IntegrationObject): "requeue:integration:object",
    ("requeue_anew", IntegrationObject): "requeue:integration:object",
    ("replay", IntegrationObject): "replay:integration:objects",
    ("cancel", IntegrationObject): "cancel:integration:object",
    ("stop", Task): "stop:integration:task",
    ("resume", Task): "resume:integration:task",
}
ACTIONS_OF_LIST = {
    ("new", PersonalToken): "create:user:token",  # for oneself
    ("erase", Task): "erase:personalData",
}
OWN_ACTIONS = {("new", PersonalToken)}
# What is right without what a page would send, and finds nothing.
ALSO = {"signing": {404}}
# Pages of no kind of record.
BESIDE = {
    **dict.fromkeys(("admin:index", "admin:search", "admin:logout", "admin:jsi18n"), EVERYBODY),
    **dict.fromkeys(("admin:password_change", "admin:password_change_done"), EVERYBODY),
    **dict.fromkeys(("admin:autocomplete", "admin:view_on_site", "admin:app_list"), EVERYBODY),
    "second_factor": EVERYBODY,
    "login_code": VISITOR,
    "admin:auth_user_password_change": "update:user",
    **dict.fromkeys(("admin:login", "admin_password_reset", "password_reset_done"), VISITOR),
    **dict.fromkeys(("password_reset_confirm", "password_reset_complete"), VISITOR),
}
# The login and the password of ours, in the place of Django's; and what is not found.
NAMELESS = {"admin/login/", "admin/password_change/", "admin/(?P<url>.*)$"}
OF_ROLES = table.of_roles()


def asked(verb: str, model: Any) -> str:
    """The permission that looking at, adding, changing or deleting takes."""
    if model in OF_DEPLOYMENT:
        return OPERATOR if verb == "get" else NOBODY
    if model in FACTS and verb != "get":
        return NOBODY
    word = "add" if verb == "create" else verb
    return EXCEPT.get((word, model), f"{verb}:{NOUNS[model]}")


def name_of(page: str, model: Any) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"


def pages() -> dict[str, str]:
    """Every page by its name, and what it takes to open it."""
    found = dict(BESIDE)
    for model in (*NOUNS, *OF_DEPLOYMENT):
        for page in ("changelist", "change", "history"):
            looks = EVERYBODY if model in OWN_LISTS else asked("get", model)
            found[name_of(page, model)] = looks
        found[name_of("add", model)] = asked("create", model)
        found[name_of("delete", model)] = asked("delete", model)
    found |= {
        name_of(*each): EVERYBODY if each in OWN_ACTIONS else takes
        for each, takes in ACTIONS_OF_LIST.items()
    }
    return found | {name_of(*each): takes for each, takes in ACTIONS_OF_ONE.items()}


PAGES = pages()


def may(caller: str, takes: str) -> bool:
    if takes in (NOBODY, OPERATOR):
        return takes == OPERATOR and caller == "superuser"
    return takes == EVERYBODY or caller == "superuser" or OF_ROLES[takes].get(caller) == YES


def served(patterns: Any = None, where: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    """Every address below admin/, and its name."""
    for each in get_resolver().url_patterns if patterns is None else patterns:
        here = where + str(each.pattern)
        inside = getattr(each, "url_patterns", None)
        if inside is not None:
            named = getattr(each, "namespace", None)
            yield from served(inside, here, f"{named}:" if named else space)
        elif here.startswith("admin/"):
            yield here, space + each.name if each.name else ""


def strays(patterns: Any = None) -> set[str]:
    """What is served below admin/ and the walk knows nothing of."""
    redirects = "/<path:object_id>/"  # of old addresses, to the page
    return {
        name or where
        for where, name in served(patterns)
        if name not in PAGES and not (not name and (where in NAMELESS or where.endswith(redirects)))
    }


def test_every_page_is_walked_through() -> None:
    assert strays() == set()
    assert set(admin.site._registry) == {*NOUNS, *OF_DEPLOYMENT}


def acts() -> dict[tuple[str, Any], str]:
    """Every action there is, and what it says itself that it takes."""
    return {
        (name, model): takes
        for model, each in admin.site._registry.items()
        if isinstance(each, PlatformAdmin)
        for name, takes in each.acts().items()
    }


def test_every_action_takes_a_permission() -> None:
    of_urls = {key: takes for key, takes in ACTIONS_OF_ONE.items() if key[0] != "download"}
    assert acts() == {**ACTIONS, **ACTIONS_OF_LIST, **of_urls}


class Visit:
    """Somebody in front of the admin."""

    def __init__(self, walk: Walk, caller: str, person: User) -> None:
        self.walk, self.caller = walk, caller
        self.client = Client(raise_request_exception=False)
        self.client.force_login(person)
        self.session = self.client.cookies[settings.SESSION_COOKIE_NAME].value

    def get(self, where: str, expected: set[int]) -> None:
        with self.walk.step(self.caller, f"GET {where}") as step:
            answer = self.client.get(where)
            step.answered(answer, expected, where)
        if answer.status_code == 200 and "html" in answer["Content-Type"]:
            self.follow(where, answer.content.decode())

    def post(self, where: str, typed: Any, expected: set[int]) -> None:
        with self.walk.step(self.caller, f"POST {where} {str(typed)[:200]}") as step:
            step.answered(self.client.post(where, typed), expected, f"{where} {typed}")
        # A new session was undone with all the rest.
        self.client.cookies[settings.SESSION_COOKIE_NAME] = self.session

    def follow(self, where: str, html: str) -> None:
        """A page shows no link that would be refused."""
        for href in set(re.findall(r'(?:href|action)="(/admin/[^"?#]*)', html)):
            takes = PAGES.get(resolve(href).view_name, EVERYBODY)
            if takes != VISITOR and not may(self.caller, takes):
                fault = f"{self.caller}: {where} leads to {href}, which is refused"
                self.walk.faults.append(fault)

    def may(self, takes: str) -> bool:
        return may(self.caller, takes)

    # The pages of one kind of record.

    def walk_through(self, model: Any, records: dict[str, Any], typed: dict[str, Any]) -> None:
        own, foreign = records["own"], records["foreign"]
        self.lists(model, foreign)
        self.page(model, "change", own, foreign)
        self.page(model, "history", own, foreign)
        self.page(model, "delete", own, foreign)
        add = reverse(name_of("add", model)) + ("?app=slack" if model is AppInstallation else "")
        creates = self.may(asked("create", model))
        self.get(add, {200} if creates else {403})
        self.post(add, {}, {200} if creates else {403})
        self.saves(model, own, foreign, typed)
        self.acts(model, own, foreign)

    def lists(self, model: Any, foreign: Any) -> None:
        where = reverse(name_of("changelist", model))
        expected = {200} if self.may(PAGES[name_of("changelist", model)]) else {403}
        self.get(where, expected)
        for query in ("q=foreign", "_popup=1&_to_field=id", *self.narrowed(model, foreign)):
            # What a list can't be narrowed by is a wrong address: back to the list, or a 400.
            self.get(f"{where}?{query}", {200, 302, 400} if 200 in expected else {403})

    def narrowed(self, model: Any, foreign: Any) -> Iterator[str]:
        pages = admin.site._registry[model]
        for each in pages.list_filter:
            if isinstance(each, str) and model._meta.get_field(each.split("__")[0]).is_relation:
                field = model._meta.get_field(each.split("__")[0])
                other = furnished.by_model(self.walk.foreign)[field.related_model]
                yield f"{field.name}__{field.target_field.name}__exact={other.pk}"
        yield f"platform__id__exact={self.walk.foreign.platform.pk}"

    def page(self, model: Any, page: str, own: Any, foreign: Any) -> None:
        takes = asked("delete" if page == "delete" else "get", model)
        known = self.may(takes)
        unseen = 404 if model in OWN_LISTS and page != "delete" else 403
        self.get(reverse(name_of(page, model), args=[own.pk]), {200} if known else {unseen})
        there = reverse(name_of(page, model), args=[foreign.pk])
        self.get(there, {404} if known else {403, 404})
        # By a field that nothing refers to: a wrong address.
        self.get(f"{there}?_to_field=id", {400, 404} if known else {400, 403, 404})

    def saves(self, model: Any, own: Any, foreign: Any, typed: dict[str, Any]) -> None:
        changes, deletes = (self.may(asked(each, model)) for each in ("update", "delete"))
        for record in (own, foreign):
            page = reverse(name_of("change", model), args=[record.pk])
            found = {200, 302} if record is own else {404}
            self.post(page, typed, found if changes else {403, 404})
            gone = reverse(name_of("delete", model), args=[record.pk])
            self.post(gone, {"post": "yes"}, found if deletes else {403})

    def acts(self, model: Any, own: Any, foreign: Any) -> None:
        where = reverse(name_of("changelist", model))
        chosen = {"_selected_action": [str(own.pk), str(foreign.pk)], "post": "yes", "index": "0"}
        every = {name: takes for (name, of), takes in ACTIONS.items() if of is model}
        for name, takes in {**every, "delete_selected": asked("delete", model)}.items():
            # What is not offered is no action: the list is shown again, and nothing happens.
            with self.walk.step(self.caller, f"{name} on {where}") as step:
                answer = self.client.post(where, {**chosen, "action": name})
                step.answered(answer, {200, 302, 403}, str(chosen))
                step.refused = not self.may(takes)
        for (name, of), takes in ACTIONS_OF_ONE.items():
            if of is not model:
                continue
            for record in (own, foreign):
                one = reverse(name_of(name, model), args=[record.pk])
                there = {302, 403, 404} if record is foreign else {200, 302, *ALSO.get(name, ())}
                expected = there if self.may(takes) else {403, 404}
                if model not in (IntegrationObject, Task):  # by POST alone
                    self.get(one, expected)
                self.post(one, {}, expected)


def everybody(walk: Walk) -> dict[str, Visit]:
    found = furnished.people(walk.own)
    for person in found.values():
        person.is_staff = True
        person.save()
    return {caller: Visit(walk, caller, person) for caller, person in found.items()}


@pytest.mark.long
def test_the_admin_shows_and_does_what_the_table_says(walk: Walk) -> None:
    visits = everybody(walk)
    own, foreign = furnished.by_model(walk.own), furnished.by_model(walk.foreign)
    operator = Browser(walk.own.user)
    for model in NOUNS:
        records = {"own": own[model], "foreign": foreign[model]}
        typed = {}
        if model not in FACTS:
            typed = operator.fields(reverse(name_of("change", model), args=[own[model].pk]))
        for visit in visits.values():
            visit.walk_through(model, records, typed)
    walk.check("the admin")
    assert sum(walk.calls.values()) > 2000


def relations(browser: Browser, model: Any, record: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a page in which one chooses another record."""
    context = browser.open(reverse(name_of("change", model), args=[record.pk])).context
    for name, field in context["adminform"].form.fields.items():
        related = getattr(getattr(field, "queryset", None), "model", None)
        if related in NOUNS:
            yield name, related


def test_no_choice_offers_or_takes_what_is_anothers(walk: Walk) -> None:
    visits = everybody(walk)
    own, foreign = furnished.by_model(walk.own), furnished.by_model(walk.foreign)
    operator = Browser(walk.own.user)
    seen = 0
    for model in (each for each in NOUNS if each not in FACTS):
        page = reverse(name_of("change", model), args=[own[model].pk])
        for name, related in relations(operator, model, own[model]):
            typed = {**operator.fields(page), name: str(foreign[related].pk)}
            for caller in ("superuser", "owner", "integration manager"):
                with walk.step(caller, f"{name} of another platform on {page}") as step:
                    answer = visits[caller].client.post(page, typed)
                    step.answered(answer, {200}, str(typed))
                    step.refused = True
                    assert name in answer.context["adminform"].form.errors
            seen += 1
    walk.check("choices")
    assert seen >= 4


def autocompleted() -> Iterator[tuple[Any, str, Any]]:
    for model, each in admin.site._registry.items():
        for name in each.autocomplete_fields:
            yield model, name, model._meta.get_field(name).related_model


def test_what_is_completed_while_typing_is_the_own_platforms(walk: Walk) -> None:
    seen = 0
    for visit in everybody(walk).values():
        for model, name, related in autocompleted():
            meta = model._meta
            field = f"app_label={meta.app_label}&model_name={meta.model_name}&field_name={name}"
            expected = {200} if visit.may(asked("get", related)) else {403}
            for term in ("", "foreign", "own"):
                visit.get(f"{reverse('admin:autocomplete')}?{field}&term={term}", expected)
                seen += 1
    walk.check("completing")
    assert seen >= 3 * 3 * 6


def test_pages_beside_the_records_show_what_one_may(walk: Walk) -> None:
    own, foreign = walk.own.visitor, walk.foreign.visitor
    for caller, visit in everybody(walk).items():
        for each in ("index", "password_change", "password_change_done", "jsi18n"):
            visit.get(reverse(f"admin:{each}"), {200})
        for where in (reverse("second_factor"), reverse(name_of("new", PersonalToken))):
            visit.get(where, {200, 302})
        visit.get(f"{reverse('admin:search')}?s=foreign", {200})
        for label in ("accounts", "orders", "integrations", "django_celery_beat"):
            visit.get(reverse("admin:app_list", args=[label]), {200, 404})
        page, erases = reverse(name_of("erase", Task)), visit.may("erase:personalData")
        visit.get(page, {200} if erases else {403})
        for typed in ({"texts": "nobody@example.com"}, {"previewed": "forged"}):
            visit.post(page, typed, {200, 302} if erases else {403})
        changes = visit.may("update:user")
        for person, there in ((own, 200), (foreign, 404)):
            page = reverse("admin:auth_user_password_change", args=[person.pk])
            visit.get(page, {there} if changes else {403, 404})
            password = "a long and quiet word"
            new = {"usable_password": "true", "password1": password, "password2": password}
            visit.post(page, new, {302 if there == 200 else 404} if changes else {403, 404})
        kind = ContentType.objects.get_for_model(TransportOrder)
        for order in (walk.own.order, walk.foreign.order):
            visit.get(reverse("admin:view_on_site", args=[kind.pk, order.pk]), {404})
        every = IntervalSchedule.objects.create(every=10, period="seconds")
        made = {
            PeriodicTask: PeriodicTask.objects.create(name=caller, task="t", interval=every),
            IntervalSchedule: every,
            CrontabSchedule: CrontabSchedule.objects.create(),
        }
        for model, record in made.items():
            looks = {200} if visit.may(OPERATOR) else {403}
            visit.get(reverse(name_of("changelist", model)), looks)
            visit.get(reverse(name_of("change", model), args=[record.pk]), looks)
            visit.get(reverse(name_of("history", model), args=[record.pk]), looks)
            for page in ("add", "delete"):
                args = [record.pk] if page == "delete" else []
                visit.get(reverse(name_of(page, model), args=args), {403})
                visit.post(reverse(name_of(page, model), args=args), {"post": "yes"}, {403})
    walk.check("beside the records")


def test_who_has_not_logged_in_is_led_to_the_login(walk: Walk) -> None:
    client = Client()
    own = furnished.by_model(walk.own)
    for model in NOUNS:
        for page in ("changelist", "add", "change", "delete", "history"):
            args = [] if page in ("changelist", "add") else [own[model].pk]
            where = reverse(name_of(page, model), args=args)
            for method in ("GET", "POST"):
                with walk.step("nobody", f"{method} {where}") as step:
                    answer = client.generic(method, where)
                    step.answered(answer, {302})
                    step.refused = True
                assert answer["Location"].startswith("/admin/login/")
    for name, model in ACTIONS_OF_ONE:
        where = reverse(name_of(name, model), args=[own[model].pk])
        with walk.step("nobody", f"POST {where}") as step:
            step.answered(client.post(where), {302})
            step.refused = True
    walk.check("without a login")


def test_a_history_tells_nothing_of_another_platform(walk: Walk) -> None:
    """An id that a client chose may have been another platform's, before that was deleted."""
    order = walk.own.order
    LogEntry.objects.log_actions(
        walk.foreign.user.pk, [order], CHANGE, change_message="seen by foreign-people"
    )
    for visit in everybody(walk).values():
        looks = {200} if visit.may("get:transportOrder") else {403}
        visit.get(reverse(name_of("history", TransportOrder), args=[order.pk]), looks)
    walk.check("histories")


# What is planted, and found.


def test_a_page_that_nobody_thought_of_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view(lambda request: HttpResponse("planted"))
        return [path("planted/", view, name="planted"), *urls(self)]

    urls = IntegrationAdmin.get_urls
    monkeypatch.setattr(IntegrationAdmin, "get_urls", get_urls)
    today = [path("admin/", include((admin.site.get_urls(), "admin")))]
    assert strays(today) == {"admin:planted"}


class Careless(IntegrationAdmin):
    """Its actions say nothing of who may carry them out."""

    actions = ("forget", "stop")
    actions_detail = ("reveal",)

    def forget(self, request: Any, queryset: Any) -> None:
        queryset.update(name="forgotten")

    @admin.action(description="Stop", permissions=["view"])
    def stop(self, request: Any, queryset: Any) -> None:
        queryset.update(enabled=False)

    @unfold_action(description="Reveal")
    def reveal(self, request: Any, object_id: str) -> HttpResponse:
        return HttpResponse("planted")


def test_an_action_without_a_permission_is_found_and_offered_to_nobody(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = Careless(Integration, admin.site)
    monkeypatch.setitem(admin.site._registry, Integration, careless)
    without = {name for (name, model), takes in acts().items() if not takes}
    assert without == {"forget", "stop", "reveal"}
    request = RequestFactory().get("/admin/")
    for visitor in furnished.people(walk.own).values():
        request.user = visitor
        assert set(careless.get_actions(request)) <= {"delete_selected"}
        assert careless.get_actions_detail(request, str(walk.own.integration.pk)) == []
