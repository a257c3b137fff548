"""Every page and every action of the admin, as everybody, about the own platform and another's."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from integrations.models import Task
from otms.accounts.models import PersonalToken
from otms.orders.models import TransportOrder
from tests.admin.conftest import Browser
from tests.walk import furnished
from tests.walk.admin_pages import ACTIONS_OF_ONE, FACTS, NOUNS, OPERATOR, asked, name_of
from tests.walk.visit import everybody
from tests.walk.walking import Walk

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(600)]


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
