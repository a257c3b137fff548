"""Somebody in front of the admin, who opens pages, follows links, types and chooses."""

import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.urls import resolve, reverse

from integrations.models import AppInstallation
from otms.accounts.models import User
from tests.walk import furnished
from tests.walk.admin_pages import (
    ACTIONS,
    ACTIONS_OF_ONE,
    BUTTONS,
    EVERYBODY,
    OWN_LISTS,
    PAGES,
    VISITOR,
    asked,
    may,
    name_of,
)
from tests.walk.walking import Walk

# What is right without what a page would send, and finds nothing.
ALSO = {"signing": {404}}


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
                if (name, of) not in BUTTONS:
                    self.get(one, expected)
                self.post(one, {}, expected)


def everybody(walk: Walk) -> dict[str, Visit]:
    found = furnished.people(walk.own)
    for person in found.values():
        person.is_staff = True
        person.save()
    return {caller: Visit(walk, caller, person) for caller, person in found.items()}
