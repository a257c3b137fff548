"""What lies on the workbench of an integration, and what its buttons do with it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations import data_source, definition, entities, trial, where, workbench
from integrations.admin.exchange import shown_exchange
from integrations.admin.links import list_of
from integrations.api import shapes
from integrations.core import mapping, schema, suggestion
from integrations.models import DataSource, EntityChange, Integration, IntegrationObject, Stale
from integrations.workbench import Unread, read
from otms import documents
from otms.accounts import audit
from otms.accounts.asking import allowed

# What is written there, by the names of the form's fields.
TEXTS = {
    "mapping": _("Mapping"),
    "filters": _("Filters of the integration"),
    "conditions": _("Filters of this step alone"),
}
SEES_RECORDS = "get:integration:object"
CHANGED = _(
    "Not saved: somebody changed this since you opened it. Copy what you typed, and open it again."
)
MOST_NAMED = 10


class Bench:
    """What is on the workbench at the moment: three texts, a document, and what was asked for."""

    def __init__(
        self,
        pages: Any,
        request: HttpRequest,
        integration: Integration,
        sources: list[DataSource],
        place: int,
    ) -> None:
        self.pages, self.request, self.integration = pages, request, integration
        self.sources, self.place, self.source = sources, place, sources[place]
        may = (SEES_RECORDS, f"get:{integration.trigger_entity}")
        self.may_see = all(allowed(request, each) for each in may)
        self.may_save = pages.has_change_permission(request, integration)
        self.record, self.called = self._record(), ""
        stored = self._stored()
        given = request.POST if request.method == "POST" else {}
        self.texts = {name: given.get(name, stored[name]).replace("\r\n", "\n") for name in TEXTS}
        typed = given.get("document", "").replace("\r\n", "\n")
        self.document = typed or documents.pretty(self._document())
        self.trial: trial.Trial | None = None

    def shown(self) -> dict[str, Any]:
        """What the page is made of."""
        operators = schema.of_mapping()["$defs"]["operators"]["properties"]
        made = self.trial
        return {
            "sources": self.sources,
            "source": self.source,
            "place": self.place + 1,
            "texts": [
                {"name": name, "label": label, "text": self.texts[name]}
                for name, label in TEXTS.items()
            ],
            "document": self.document,
            "record": self.record,
            "records": self.records,
            "other": "" if self.record in {each.pk for each in self.records} else self.called,
            "address": data_source.shown(self.source)["settings"].get("url", ""),
            "operators": [(name, each.get("description", "")) for name, each in operators.items()],
            "as_read": self.request.POST.get("as_read") or self.integration.updated_at.isoformat(),
            "unsaved": self.texts != self._stored(),
            "may_see": self.may_see,
            "may_save": self.may_save,
            "kept_by": self.integration.kept_by,
            "may_send": allowed(self.request, "test:integration"),
            "may_suggest": self.may_save and allowed(self.request, "suggest:mapping"),
            "versions": workbench.versions(self.integration, self.source),
            "trial": made,
            "force": "force" in self.request.POST,
            "example": self.request.POST.get("example", ""),
            "paused": not self.integration.enabled,
            "exchange": shown_exchange(made.exchange) if made and made.exchange else None,
            "seen": self.seen(),
        }

    def seen(self) -> dict[str, Any]:
        """What comes of the texts, with the document as it is typed."""
        try:
            document = read(self.document)
        except Unread as error:
            return {"document": error.mark}
        judged = [
            (name, TEXTS[name], workbench.judged(self.texts[name], document))
            for name in ("filters", "conditions")
        ]
        verdicts = [each.verdict for *_, each in judged if each.verdict]
        return {
            "mapping": workbench.mapped(self.texts["mapping"], document),
            "filters": judged,
            "kept_back": not all(each.matched for each in verdicts),
        }

    # What its buttons do; what they answer is shown instead of the page.

    def look(self) -> None:
        """Take another record as the document."""
        self.document = documents.pretty(self._document())

    def find(self) -> None:
        """Take the record that is called so."""
        asked = self.request.POST.get("asked", "").strip()
        key, found = self.integration.trigger_entity, []
        if asked and self.may_see:
            found = where.find(self.integration.platform_id, asked, [key])
        if record := next((each.id for each in found if each.entity == key), None):
            self.record = record
            self.look()
        else:
            text = _("Nothing is called {asked}.") if asked else _("Nothing is called like that.")
            self._say(messages.WARNING, text.format(asked=asked))

    def take(self) -> None:
        """Write what an earlier version said; nothing is saved yet."""
        known = {str(each.pk): each for each in workbench.known(self.integration, self.source)}
        then = known.get(self.request.POST.get("version", ""))
        if then is None:
            raise Http404
        self.texts = _texts(**workbench.said_in(then, self.source))
        text = _("This is version {n}. It counts when you save it.")
        self._say(messages.INFO, text.format(n=then.number))

    def suggest(self) -> None:
        """Write a mapping to begin with, from an example of what the target wants."""
        if not allowed(self.request, "suggest:mapping"):
            raise PermissionDenied
        example, entity = self.request.POST.get("example", ""), self.integration.trigger_entity
        try:
            made = suggestion.suggest(example, None, entity, shapes.document(entity))
        except suggestion.ExampleError as error:
            text = _("The example can't be read: {why}")
            self._say(messages.ERROR, text.format(why=error))
            return
        placed = {target for target, __ in mapping.fields(made.mapping)}
        left = [each.target for each in made.suggestions if each.target not in placed]
        if not placed:
            self._say(messages.WARNING, _("Nothing in it looks like anything of ours."))
            return
        self.texts["mapping"] = documents.pretty(made.mapping)
        found = len(made.suggestions) - len(left)
        text = _("{found} of {all} fields were recognised: look at each of them.")
        told = [text.format(found=found, all=len(made.suggestions))]
        if len(left) > MOST_NAMED:
            text = _("Not {fields} and {n} more: these are left to you.")
        else:
            text = _("Not {fields}: these are left to you.")
        if left:
            named = ", ".join(left[:MOST_NAMED])
            told.append(text.format(fields=named, n=len(left) - MOST_NAMED))
        self._say(messages.INFO, " ".join(told))

    def save(self) -> HttpResponse | None:
        """Save the texts; what is wrong with them stands where they are."""
        if not self.may_save:
            raise PermissionDenied
        if self.request.POST.get("as_read") != self.integration.updated_at.isoformat():
            self._say(messages.ERROR, CHANGED)
            return None
        try:
            said = _said(self.texts)
            definition.save(self.integration.platform, self._with(said), self.integration)
        except Unread as error:
            self._say(messages.ERROR, _("Not saved. {why}").format(why=error))
        except definition.Invalid as error:
            for problem in error.problems:
                why = f"{problem.field}: {problem.message}"
                self._say(messages.ERROR, _("Not saved. {why}").format(why=why))
        except (ValidationError, definition.Owned) as error:
            self._say(messages.ERROR, _("Not saved. {why}").format(why=error))
        except Stale:
            self._say(messages.ERROR, CHANGED)
        else:
            for each in shapes.warnings(self.integration):
                self._say(messages.WARNING, each["message"])
            text = _("Saved: what is sent from now on is made like this.")
            self._say(messages.SUCCESS, text)
            self._warn_of_this_document()
            return HttpResponseRedirect(self._address())
        return None

    def _warn_of_this_document(self) -> None:
        """What is saved may be sound, and still make nothing of the document beside it."""
        with suppress(Unread):
            marks = workbench.mapped(self.texts["mapping"], read(self.document)).marks
            for mark in [each for each in marks if each.is_error][:1]:
                text = _("Nothing can be made of the document here, though. Line {line}: {why}")
                self._say(messages.WARNING, text.format(line=mark.line, why=mark.message))

    def start(self) -> HttpResponse | None:
        """Save the texts, and have the integration listen from now on."""
        saved = self.save()
        if saved and self.integration.switch(True):
            queue = list_of(IntegrationObject, integration__id__exact=self.integration.pk)
            text = gettext(
                'It listens from now on: what is saved next is sent, and seen in <a href="{queue}" '
                'class="text-link">its queue</a>.'
            )
            self._say(messages.SUCCESS, format_html(text, queue=queue))
        return saved

    def send(self) -> None:
        """Send the document for real, marked as a test, with what is stored."""
        if not allowed(self.request, "test:integration"):
            raise PermissionDenied
        try:
            said = _said(self.texts)
            document = read(self.document)
            change, is_real = self._change(document)
            answers = document.get("steps")
        except Unread as error:
            self._say(messages.ERROR, _("Nothing was sent. {why}").format(why=error))
            return
        except (KeyError, TypeError, ValueError, AttributeError):
            key = self.integration.trigger_entity
            text = _("Nothing was sent: the document needs a {key} with an id.")
            self._say(messages.ERROR, text.format(key=key))
            return
        if documents.dumps(said) != documents.dumps(_said(self._stored())):
            text = _("Save it first: a test is made with what is stored.")
            self._say(messages.WARNING, text)
            return
        self.trial = trial.tried(
            self.integration,
            change,
            self.place,
            force="force" in self.request.POST,
            is_real=is_real,
            answers=answers if isinstance(answers, dict) else None,
        )

    def _with(self, said: dict[str, Any]) -> dict[str, Any]:
        given = definition.as_given(self.integration)
        given["filters"] = [] if said["filters"] is None else said["filters"]
        given["data_sources"][self.place] |= {
            "mapping": said["mapping"],
            "filters": said["conditions"],
        }
        return {"filters": given["filters"], "data_sources": given["data_sources"]}

    def _change(self, document: Any) -> tuple[EntityChange, bool]:
        """The record's own change where it is shown as it is, else the one that was typed."""
        change, as_shown = None, self._document()
        if self.record and documents.dumps(document) == documents.dumps(as_shown):
            change = trial.change_of(self.integration, self.record)
        return change or trial.change_to(self.integration, document), change is not None

    @cached_property
    def records(self) -> list[Any]:
        """Those that came last, for who may see them."""
        return workbench.newest(self.integration) if self.may_see else []

    def _record(self) -> UUID | None:
        """The record that was chosen, else the newest; None for the example."""
        given = self.request.POST if self.request.method == "POST" else self.request.GET
        if not self.may_see:
            return None
        if "record" in given:
            with suppress(ValueError):
                return UUID(given["record"])
            return None
        return self.records[0].pk if self.records else None

    def _document(self) -> dict[str, Any]:
        """The chosen record as the step sees it; the example where there is none."""
        if self.record:
            kind = entities.load(self.integration.trigger_entity).root
            record = kind.objects.of(self.integration.platform_id).filter(pk=self.record).first()
            if record is not None:
                self.called = str(record)
                audit.looked(SEES_RECORDS, record)
            found = workbench.document(self.integration, self.record, self.place)
            if found is not None:
                return found
            self.record = None
        return shapes.example(self.integration.trigger_entity)

    def _stored(self) -> dict[str, str]:
        source = self.source
        return _texts(source.mapping, self.integration.filters, source.filters)

    def _address(self) -> str:
        page = reverse("admin:integrations_integration_workbench", args=[self.integration.pk])
        chosen = {"source": str(self.source.pk), "record": str(self.record or "")}
        return f"{page}?{urlencode(chosen)}"

    def _say(self, level: int, text: str | Promise) -> None:
        self.pages.message_user(self.request, text, level)


BUTTONS: dict[str, Callable[[Bench], HttpResponse | None]] = {
    "look": Bench.look,
    "find": Bench.find,
    "take": Bench.take,
    "suggest": Bench.suggest,
    "save": Bench.save,
    "start": Bench.start,
    "send": Bench.send,
}


def _texts(mapping: Any, filters: Any, conditions: Any) -> dict[str, str]:
    said = {"mapping": mapping, "filters": filters or None, "conditions": conditions or None}
    return {name: "" if each is None else documents.pretty(each) for name, each in said.items()}


def _said(texts: dict[str, str]) -> dict[str, Any]:
    """What the texts say; Unread names the one that can't be read."""
    said = {}
    for name, text in texts.items():
        try:
            said[name] = read(text)
        except Unread as error:
            raise Unread(replace(error.mark, message=f"{TEXTS[name]}: {error}")) from None
        if name != "mapping" and said[name] == []:
            said[name] = None
    return said
