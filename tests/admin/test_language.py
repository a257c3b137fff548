"""The admin speaks the language of who looks; the API and what is stored speak English."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation

from tests import make
from tests.admin.conftest import Browser, without_tags
from tests.admin.pages import every_page
from tests.admin.records import RECORDS

pytestmark = pytest.mark.django_db
LOGS = "admin:integrations_log_changelist"
LANGUAGES = [code for code, _ in settings.LANGUAGES]
# How nobody is spoken to: Django's own words are polite, and so are ours.
FAMILIAR = {
    "nl": re.compile(r"\b(je|jij|jou|jouw)\b", re.IGNORECASE),
    "de": re.compile(r"\b(du|dich|dir|dein(?:e[mnrs]?)?)\b", re.IGNORECASE),
}


def seen(browser: Browser, where: str, **headers: str) -> str:
    answer = browser.client.get(where, headers=headers)
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("nl-NL,nl;q=0.9,en;q=0.8", "nl"),
        ("de-AT", "de"),
        ("fr,de;q=0.5", "de"),
        ("en-GB,nl;q=0.5", "en"),
        ("fr", "en"),
        ("", "en"),
        ("x" * 5000, "en"),
    ],
)
def test_a_browser_is_answered_in_its_language(browser: Browser, asked: str, shown: str) -> None:
    answer = browser.client.get(reverse(LOGS), headers={"accept-language": asked})
    assert answer.headers["Content-Language"] == shown
    assert "Accept-Language" in answer.headers["Vary"]
    assert f'<html lang="{shown}"' in answer.content.decode()
    assert translation.get_language() == "en"


def test_who_chose_a_language_keeps_it(browser: Browser) -> None:
    chosen = browser.client.post(reverse("set_language"), {"language": "nl", "next": reverse(LOGS)})
    assert (chosen.status_code, chosen.headers["Location"]) == (302, reverse(LOGS))
    assert '<html lang="nl"' in seen(browser, reverse(LOGS), **{"accept-language": "de"})
    browser.client.post(reverse("set_language"), {"language": "xx", "next": "//evil.example/"})
    assert '<html lang="nl"' in seen(browser, reverse(LOGS))


def test_the_choice_is_on_every_page(browser: Browser) -> None:
    html = seen(browser, reverse("admin:index"))
    for code, name in settings.LANGUAGES:
        assert f'name="language" type="hidden" value="{code}"' in html
        assert name in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_moments_are_written_alike_in_each(
    own: SimpleNamespace, browser: Browser, language: str
) -> None:
    html = seen(browser, reverse(LOGS), **{"accept-language": language})
    assert f"{own.log.created_at:%Y-%m-%d %H:%M:%S}" in without_tags(html)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_api_speaks_english_whatever_is_asked_for(own: SimpleNamespace, language: str) -> None:
    client = Client(headers={"Authorization": f"Bearer {make.token(own.user)}"})
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    said = client.get("/api/event/none", headers={"accept-language": language})
    assert said.json() == client.get("/api/event/none").json()
    assert "Content-Language" not in said.headers


# Whether all of it is marked: a language in which each message stands in brackets.

LEFT, RIGHT = "\u27e6", "\u27e7"
# Said alike in every language: names of languages, numbers with their units, what is quoted from
# documents, and the words of the vocabulary: statuses, permissions, names of fields, codes.
SAME = re.compile(
    r"OTMS|JSON|own-[\w-]+|[A-Z_]{2,}|\d+ ms|[{\[$].*|https?://.*|\w+(?::\w+)+|"
    + "|".join(name for _, name in settings.LANGUAGES)
)
# What is put together of data: with its parts between these.
BETWEEN = re.compile(r"[·|:,()\[\]]| since ")
UNMARKED = {
    *("* * * * * (m/h/dM/MY/d) UTC", "Every minute UTC"),  # django-celery-beat does not mark it
    "public",  # what a setting is where it is left empty
    "PostgreSQL warehouse",  # the name of an app
    *("integration", "message automation", "user"),  # what the audit trail calls them
}
SILENT = {"script", "style", "pre", "code", "textarea", "template", "kbd"}
SAID_BY = ("title", "aria-label", "placeholder", "alt", "label")


class Bracketed:
    """Django's translations, each in brackets, and what was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def gettext(self, message: str) -> str:
        self.asked.add(message)
        return f"{LEFT}{message}{RIGHT}" if message.strip() else message

    def pgettext(self, context: str, message: str) -> str:
        return self.gettext(message)

    def ngettext(self, one: str, many: str, number: int) -> str:
        return self.gettext(one if number == 1 else many)

    def npgettext(self, context: str, one: str, many: str, number: int) -> str:
        return self.ngettext(one, many, number)


class Texts(HTMLParser):
    """What a page says that stands in no brackets."""

    def __init__(self) -> None:
        super().__init__()
        self.depth, self.open, self.said = 0, [], []
        self.values: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        self.values.add(given.get("value") or "")
        if tag not in ("input", "br", "img", "link", "meta", "hr", "path", "col", "source"):
            icon = "material-symbols" in (given.get("class") or "")
            english = tag != "html" and given.get("lang") == "en"  # and says so
            self.open.append((tag, tag in SILENT or icon or english))
        for name in SAID_BY:
            if (said := given.get(name)) and LEFT not in said and not self.is_silent:
                self.said.append(said)
        if tag == "input" and given.get("type") in ("submit", "button"):
            self.said.append(given.get("value") or "")

    @property
    def is_silent(self) -> bool:
        return any(silent for _, silent in self.open)

    def handle_endtag(self, tag: str) -> None:
        while self.open:
            if self.open.pop()[0] == tag:
                break

    def handle_data(self, data: str) -> None:
        covered = self.depth > 0 or LEFT in data
        self.depth = max(0, self.depth + data.count(LEFT) - data.count(RIGHT))
        if not covered and not self.is_silent:
            self.said.append(data)


def stored() -> str:
    """All that the database has to say, in one text."""
    rows = (
        row
        for model in apps.get_models(include_auto_created=True)
        for row in model._base_manager.values_list(
            *[f.attname for f in model._meta.concrete_fields]
        )
    )
    return "\n".join(str(value) for row in rows for value in row)


def statuses() -> set[str]:
    """Those that are shown as they are called in the API, written like words."""
    fields = (field for model in apps.get_models() for field in model._meta.fields)
    choices = (choice for field in fields for choice in field.flatchoices)
    return {str(label) for value, label in choices if str(label).upper() == str(value).upper()}


def unmarked(html: str, data: str) -> Iterator[str]:
    page = Texts()
    page.feed(html)
    for said in page.said:
        text = " ".join(said.split())
        if text in page.values | UNMARKED or text in data:  # what is chosen, or stored
            continue
        parts = [part.strip() for part in BETWEEN.split(SAME.sub("", text))]
        named = {part for part in parts if re.search("[A-Za-z]{2}", part)}
        if any(part not in data for part in named - UNMARKED):
            yield text


def test_everything_that_pages_say_is_marked(
    own: SimpleNamespace, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    brackets = Bracketed()
    for name in ("gettext", "pgettext", "ngettext", "npgettext"):
        monkeypatch.setattr(translation._trans, name, getattr(brackets, name))
    pages = list(every_page(own, RECORDS))
    data = "\n".join([stored(), *statuses()])
    found: dict[str, list[str]] = {}
    for address in pages:
        answer = browser.client.get(address)
        if answer.status_code == 200 and "html" in answer.headers.get("Content-Type", ""):
            for text in unmarked(answer.content.decode(), data):
                found.setdefault(text, []).append(address)
    assert not found, "\n".join(f"{text!r}: {at[0]}" for text, at in found.items())


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_page_opens_in_each_language(
    own: SimpleNamespace, browser: Browser, language: str
) -> None:
    seen = 0
    for address in every_page(own, RECORDS):
        english = browser.client.get(address, headers={"accept-language": "en"})
        there = browser.client.get(address, headers={"accept-language": language})
        assert there.status_code == english.status_code, address
        assert not FAMILIAR[language].search(without_tags(there.getvalue().decode())), address
        seen += there.getvalue() != english.getvalue()
    assert seen > 90
