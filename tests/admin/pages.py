"""Every page of the admin, found in its routes: none can be forgotten."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from otms.accounts import passwords

# Answers that are no pages: documents for scripts, and what takes the place of other pages.
NO_PAGES = {"autocomplete", "jsi18n", "view_on_site", "logout", "app_list"}


def every_page(own: SimpleNamespace, records: dict[Any, str]) -> Iterator[str]:
    """The address of every page, each about a record of `own`."""
    every = IntervalSchedule.objects.create(every=10, period="seconds")
    chosen = {model: getattr(own, name).pk for model, name in records.items()}
    chosen |= {
        IntervalSchedule: every.pk,
        CrontabSchedule: CrontabSchedule.objects.create().pk,
        PeriodicTask: PeriodicTask.objects.create(name="t", task="t", interval=every).pk,
    }
    yield from (reverse(f"admin:{name}") for name in _names(admin.site.get_urls()))
    yield from (reverse(name, args=args) for name, args in _of_passwords())
    yield reverse("second_factor")
    for model, site in admin.site._registry.items():
        for pattern in _patterns(site.urls):
            if pattern.name:
                wanted = pattern.pattern.converters
                yield reverse(f"admin:{pattern.name}", args=[chosen[model]] * len(wanted))


def _names(urls: Any) -> list[str]:
    here = [each.name for each in urls if isinstance(each, URLPattern) and each.name]
    return [name for name in here if name not in NO_PAGES]


def _of_passwords() -> Iterator[tuple[str, list[Any]]]:
    for each in passwords.urlpatterns:
        given = {"uidb64": "MQ", "token": "set-password"}
        yield str(each.name), [given[name] for name in each.pattern.converters]


def _patterns(urls: Any) -> Iterator[URLPattern]:
    for each in urls:
        if isinstance(each, URLResolver):
            yield from _patterns(each.url_patterns)
        else:
            yield each
