"""Tasks: how far long work is, and which rows of an import were rejected and why.

Here an owner has a person's data erased: first it is shown how much that is, then it is a task.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from integrations import places, privacy
from integrations.admin.export import AT_ONCE, as_file
from integrations.admin.links import link_to, list_of, page_of, shortened
from integrations.inbound import imports
from integrations.models import ImportRow, IntegrationObject, Replay, Task
from integrations.models.imports import Outcome
from integrations.models.task import OPEN, Kind, TaskStatus
from integrations.privacy import work
from integrations.privacy.rows import Found
from integrations.privacy.texts import LONGEST, MOST, Erasure, NotErasable
from integrations.tasks import WAKE, wake_erasures
from otms.accounts.asking import act, allowed
from otms.accounts.fact_admin import FactAdmin
from otms.accounts.zone import moment

STATUS_COLOURS = {
    TaskStatus.QUEUED: "info",
    TaskStatus.RUNNING: "warning",
    TaskStatus.DONE: "success",
    TaskStatus.FAILED: "danger",
    TaskStatus.STOPPED: "default",
    "PARTLY": "warning",
}
STATUS_WORDS = {
    TaskStatus.QUEUED: _("queued"),
    TaskStatus.RUNNING: _("running"),
    TaskStatus.DONE: _("done"),
    TaskStatus.FAILED: _("failed"),
    TaskStatus.STOPPED: _("stopped"),
}
MOST_SHOWN = 100
LOOK_AGAIN = 3  # seconds, while it is going on
PREVIEWED = "integrations.admin.task.erase"
PREVIEW_HOLDS = 3600  # seconds


class TextsForm(forms.Form):
    """What to look for, a line each."""

    texts = forms.CharField(
        label=_("Texts"),
        max_length=MOST * (LONGEST + 2),
        help_text=_(
            "One a line, such as an e-mail address, a name, a phone number. Each is looked for as "
            "it is written, in capitals or not, as whole words."
        ),
        widget=UnfoldAdminTextareaWidget(
            {"rows": 5, "autofocus": "", "autocomplete": "off", "spellcheck": "false"}
        ),
    )

    def clean_texts(self) -> list[str]:
        try:
            return Erasure(self.cleaned_data["texts"].splitlines()).texts
        except NotErasable as error:
            raise forms.ValidationError(str(error)) from None


@admin.register(Task)
class TaskAdmin(FactAdmin):
    none_yet = _("Imports, replays and other long work would be here, with what became of it.")
    noun = "integration:task"
    list_display = (
        "created",
        "status_label",
        "kind",
        "integration_link",
        "progress",
        "said",
        "started_by",
    )
    list_filter = ("status", "kind", "integration", "created_at")
    list_select_related = ("integration",)
    ordering = ("-created_at", "-id")
    fields = (
        "kind",
        "integration_link",
        "asked",
        "started_by",
        "created",
        "started",
        "finished",
        "rejected",
    )
    readonly_fields = fields
    actions = ("stop", "resume")
    actions_list = ("erase",)
    acts_on_one = ("stop", "resume")
    change_form_template = "admin/integrations/task.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        """The platform's own work is seen by who may have it done."""
        every = super().get_queryset(request)
        seen = allowed(request, privacy.ACTION)
        return every if seen else every.exclude(kind=Kind.ERASE)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        kind = obj.kind if obj is not None else Kind.IMPORT
        left = {
            Kind.ERASE: ("integration_link", "rejected", "asked"),
            Kind.REPLAY: ("rejected",),
        }.get(kind, ("asked",))
        return [each for each in self.fields if each not in left]

    def beside(self, request: HttpRequest, task: Task) -> dict[str, Any]:
        """How far it is, and what may be done about it."""
        may_stop = task.may_stop and self.offers(request, self.stop)
        may_resume = task.may_resume and self.offers(request, self.resume)
        verb = "stop" if may_stop else "resume"
        word, colour = self._status(task)
        return {
            **super().beside(request, task),
            "status": {"text": word, "colour": STATUS_COLOURS[colour]},
            "progress": self.progress(task),
            "told": task.message,
            "look_again": LOOK_AGAIN if task.status in OPEN else 0,
            "rows": reverse("admin:integrations_task_download", args=[task.pk])
            if task.kind == Kind.IMPORT
            else "",
            "became": self._became(task),
            "may_stop": may_stop,
            "may_resume": may_resume,
            "act_on_it": reverse(f"admin:integrations_task_{verb}", args=[task.pk]),
        }

    def _became(self, task: Task) -> str:
        """Where it is seen what became of the objects that a replay made."""
        if task.kind != Kind.REPLAY or not task.done or task.started_at is None:
            return ""
        since = task.started_at.isoformat(sep=" ", timespec="microseconds")
        more = {"integration__id__exact": task.integration_id, "created_at__gte": since}
        return list_of(IntegrationObject, **more)

    def get_urls(self) -> list[Any]:
        own = path(
            "<uuid:id>/download/",
            self.admin_site.admin_view(self.download),
            name="integrations_task_download",
        )
        return [own, *super().get_urls()]

    def download(self, request: HttpRequest, id: UUID) -> HttpResponseBase:
        """What became of each row of an import, as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        task = self.get_queryset(request).filter(pk=id, kind=Kind.IMPORT).first()
        if task is None:
            raise Http404
        return as_file("rows", _rows(task))

    @display(description=_("Message"))
    def said(self, task: Task) -> str:
        return shortened(task.message, 100) if task.message else ""

    # What a person may do.

    @act("stop:integration:task", _("Stop"))
    def stop(self, request: HttpRequest, queryset: Any) -> None:
        stopped = sum(task.stop(str(request.user)) for task in queryset)
        self._report(request, stopped, len(queryset), _("{n} stopped."))

    @act("resume:integration:task", _("Resume"))
    def resume(self, request: HttpRequest, queryset: Any) -> None:
        resumed = 0
        for task in queryset:
            if task.resume():
                resumed += 1
                transaction.on_commit(WAKE[task.kind])
        self._report(request, resumed, len(queryset), _("{n} resumed."))

    def _report(self, request: HttpRequest, count: int, asked: int, done: Any) -> None:
        told = [done.format(n=count)]
        if left := asked - count:
            text = _("{n} left as they are: their kind or their status does not allow it.")
            told.append(text.format(n=left))
        self.message_user(request, " ".join(told), messages.SUCCESS if count else messages.WARNING)

    @display(description=_("Status"), label=STATUS_COLOURS)
    def status_label(self, task: Task) -> Any:
        word, colour = self._status(task)
        return colour, word

    def _status(self, task: Task) -> tuple[str, str]:
        """The word for it, and what its colour goes by."""
        is_partly = task.status == TaskStatus.DONE and task.failed
        return str(STATUS_WORDS[TaskStatus(task.status)]), "PARTLY" if is_partly else task.status

    @display(description=_("Integration"))
    def integration_link(self, task: Task) -> str:
        return link_to(task.integration)

    @display(description=_("Progress"))
    def progress(self, task: Task) -> str:
        if not task.failed:
            text = _("{done} of {total}")
        elif task.kind == Kind.REPLAY:
            text = _("{done} of {total}, {failed} left out")
        else:
            text = _("{done} of {total}, {failed} rejected")
        words = text.format(done=task.done, total=task.total, failed=task.failed)
        if task.status not in OPEN or not task.total:
            return format_html('<span class="whitespace-nowrap">{}</span>', words)
        bar = '<span class="whitespace-nowrap"><progress max="{}" value="{}"></progress> {}</span>'
        return format_html(bar, task.total, task.done, words)

    @display(description=_("Asked for"))
    def asked(self, task: Task) -> str:
        replay = Replay.objects.of(task.platform_id).filter(task=task).first()
        return "; ".join(replay.in_words) if replay else "-"

    @display(description=_("Started"))
    def started(self, task: Task) -> str:
        return moment(task.started_at)

    @display(description=_("Finished"))
    def finished(self, task: Task) -> str:
        return moment(task.finished_at)

    @display(description=_("Rejected rows"))
    def rejected(self, task: Task) -> str:
        rows = ImportRow.objects.of(task.platform_id).filter(task=task, outcome=Outcome.REJECTED)
        found = list(rows.defer("row").order_by("position")[: MOST_SHOWN + 1])
        if not found:
            return gettext("none")
        lines = [_told(row) for row in found[:MOST_SHOWN]]
        if len(found) > MOST_SHOWN:
            lines.append(gettext("and more; the file has them all"))
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", zip(lines)))

    # Erasing.

    @act(privacy.ACTION, _("Erase personal data"), icon="ink_eraser", url_path="erase")
    def erase(self, request: HttpRequest) -> HttpResponse:
        """Texts, then how much there is of them, then a task: each a step, none left out."""
        return never_cache(self._erase)(request)

    def _erase(self, request: HttpRequest) -> HttpResponse:
        person: Any = request.user
        if (previewed := request.POST.get("previewed")) is not None:
            texts = _previewed(person, previewed)
            if texts is not None:
                return self._start(request, texts)
            text = _("That was looked at too long ago: look again.")
            self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(request.path)
        form = TextsForm(request.POST or None)
        shown: dict[str, Any] = {"form": form}
        if request.method == "POST" and form.is_valid():
            texts = form.cleaned_data["texts"]
            seen = privacy.preview(person.platform, texts)
            found = seen.found
            shown |= {
                "texts": texts,
                "found": found,
                "complete": seen.complete,
                "rows": sum(each.rows for each in found),
                "waiting": sum(each.waiting for each in found),
                "unread": sum(each.unread for each in found),
                "held": [_held(each) for each in seen.records if each.held],
                "much": [each.place for each in found if each.is_much],
                "previewed": signing.dumps([str(person.pk), *texts], salt=PREVIEWED),
                "platform": person.platform,
            }
        template = "admin/integrations/erase.html"
        return self.page(request, template, gettext("Erase personal data"), **shown)

    def _start(self, request: HttpRequest, texts: list[str]) -> HttpResponse:
        person: Any = request.user
        try:
            task = work.start(person.platform, texts, str(person))
        except work.TooManyOpen as error:
            self.message_user(request, str(error), messages.WARNING)
            return HttpResponseRedirect(list_of(Task, kind__exact=Kind.ERASE))
        transaction.on_commit(wake_erasures)
        text = _("A worker erases it now; this page shows how far it is.")
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(page_of(task))


def _rows(task: Task) -> Iterator[Iterable[Any]]:
    """Each row of an import, a part of them at a time: its place, and what became of it."""
    yield ("row", "external id", "outcome", "record", "errors", "warnings")
    known = ImportRow.objects.of(task.platform_id).filter(task=task).order_by("position")
    last = -1
    while found := list(known.filter(position__gt=last).defer("row")[:AT_ONCE]):
        for row in found:
            errors, warnings = map(_words, imports.problems_of(row))
            outcome = row.outcome or "waits"
            yield (row.position, row.external_id, outcome, row.record_id, errors, warnings)
        last = found[-1].position


def _previewed(person: Any, signed: str) -> list[str] | None:
    """The texts that this person has just seen the counts of."""
    try:
        whose, *texts = signing.loads(signed, salt=PREVIEWED, max_age=PREVIEW_HOLDS)
    except signing.BadSignature:
        return None
    return texts if whose == str(person.pk) else None


def _held(found: Found) -> dict[str, Any]:
    """How many records of a kind hold a text, and links to the first of them."""
    model = next(place.model for place in places.RECORDS if place.kind == found.kind)
    links = [link_to(model(pk=key), key[:8]) for key in found.ids]
    more = found.held - len(links)
    return {"place": found.place, "count": found.held, "links": links, "more": more}


def _told(row: ImportRow) -> str:
    errors, __ = imports.problems_of(row)
    return shortened(f"{row.external_id} {_words(errors)}".strip(), 400)


def _words(problems: list[dict[str, str]]) -> str:
    return "; ".join(f"{each['field']}: {each['message']}" for each in problems)
