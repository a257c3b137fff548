"""Integrations in the admin: what can be set up, what is refused, and what is never shown."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.messages.storage.fallback import FallbackStorage
from django.db import connection
from django.test import RequestFactory
from django.urls import reverse
from django.utils.timezone import now

from integrations import egress
from integrations.core.trouble import MANY, Place, Report
from integrations.models import DataSource, Gate, Integration, Status
from tests import make
from tests.admin.conftest import SECRET, Browser, errors, furnish, queued, told, without_tags

ADD = "admin:integrations_integration_add"
LIST = "admin:integrations_integration_changelist"


@pytest.fixture
def page(own: SimpleNamespace) -> str:
    return reverse("admin:integrations_integration_change", args=[own.integration.pk])


def fresh(own: SimpleNamespace) -> DataSource:
    return DataSource.objects.of(own.platform).get(pk=own.source.pk)


def test_an_integration_is_made_on_one_page(own: SimpleNamespace, browser: Browser) -> None:
    browser.saved(
        reverse(ADD),
        name="WMS",
        entity="business",
        actions=["created", "deleted"],
        filters='[{"field": "$.business.verified", "operator": "eq", "value": true}]',
        data_sources__0__webhook_url="http://127.0.0.1:9000/wms",
        data_sources__0__webhook_secret="typed",
        data_sources__0__mapping='{"id": "$.business.id"}',
    )
    made = Integration.objects.of(own.platform).get(name="WMS")
    assert made.trigger == {"entity": "business", "actions": ["created", "deleted"]}
    assert made.trigger_entity == "business"
    source = DataSource.objects.of(own.platform).get(integration=made)
    assert source.settings == {"url": "http://127.0.0.1:9000/wms"}
    assert dict(source.secrets) == {"secret": "typed"}
    assert source.mapping == {"id": "$.business.id"}


def test_an_untouched_data_source_is_none(own: SimpleNamespace, browser: Browser) -> None:
    browser.saved(reverse(ADD), name="manual", type="manual")
    made = Integration.objects.of(own.platform).get(name="manual")
    assert not made.data_sources.exists()


def test_nothing_typed_changes_nothing(own: SimpleNamespace, browser: Browser, page: str) -> None:
    browser.saved(page)
    source = fresh(own)
    assert dict(source.secrets) == {"secret": SECRET}
    assert source.settings == own.source.settings
    assert source.mapping == own.source.mapping
    saved = Integration.objects.of(own.platform).get(pk=own.integration.pk)
    assert (saved.trigger, saved.filters, saved.delivery, saved.schedule) == (
        own.integration.trigger,
        own.integration.filters,
        own.integration.delivery,
        own.integration.schedule,
    )


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"data_sources__0__mapping": '{"a": "$.x["}'}, "data_sources-0-mapping", "a: "),
        ({"data_sources__0__mapping": '{"a": '}, "data_sources-0-mapping", "not JSON"),
        (
            {"data_sources__0__webhook_url": "http://169.254.169.254/"},
            "data_sources-0-webhook_url",
            "link-local",
        ),
        ({"data_sources__0__webhook_url": ""}, "data_sources-0-webhook_url", "required"),
        ({"data_sources__0__webhook_secret": "whsec_!"}, "data_sources-0-webhook_secret", "base64"),
        ({"data_sources__0__success": '{"status": [7]}'}, "data_sources-0-success", "200 to 599"),
        (
            {"filters": '[{"field": "$.a", "operator": "equals", "value": 1}]'},
            "filters",
            "No operator",
        ),
        ({"delivery": '{"timeout": 900}'}, "delivery", "from 1 to 60"),
        ({"schedule": '{"every": 5}'}, "schedule", "A schedule has"),
        ({"actions": []}, "actions", "required"),
        ({"entity": "moon"}, "entity", "not one of"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    typed: dict[str, Any],
    field: str,
    words: str,
    own: SimpleNamespace,
    browser: Browser,
    page: str,
) -> None:
    found = errors(browser.send(page, **typed))
    assert list(found) == [field]
    assert words in " ".join(found[field])
    assert fresh(own).mapping == own.source.mapping


def test_the_list_tells_how_it_goes(own: SimpleNamespace, browser: Browser) -> None:
    queued(own.integration, own.order)
    html = browser.html(reverse(LIST))
    assert "Transport order: created" in html
    assert "http://127.0.0.1/own" in html
    assert "degraded" in html
    assert f"integration__id__exact={own.integration.pk}" in html


def test_the_page_says_which_target_is_in_trouble(
    own: SimpleNamespace, browser: Browser, page: str
) -> None:
    down = Report(own.source.pk, "ERP", "down", "It answered 503.")
    gate = Gate.objects.get(pk=own.integration.pk)
    places = {str(own.source.pk): Place(alone=True, first=True)}
    gate.hear([down] * MANY, now(), places, lambda: True)
    html = browser.html(page)
    assert "In trouble: ERP failed 10 times since" in html
    assert "It answered 503. One call at a time is tried, the next at" in html
    # And a button has it tried now.
    assert re.search(r'action="../resume/".*?Try now</button>', html, re.DOTALL)
    browser.client.post(reverse("admin:integrations_integration_resume", args=[own.integration.pk]))
    html = browser.html(page)
    assert "One call at a time is tried, the next one now." in html


def test_one_that_is_suspended_is_resumed_by_a_button(
    own: SimpleNamespace, browser: Browser, page: str
) -> None:
    assert "Resume</button>" not in browser.html(page)
    Gate.objects.filter(pk=own.integration.pk).update(pause_reason="It said 410.")
    html = browser.html(page)
    assert "Suspended: It said 410. It goes on when somebody resumes it." in without_tags(html)
    assert re.search(r'action="../resume/".*?Resume</button>', html, re.DOTALL)
    browser.client.post(reverse("admin:integrations_integration_resume", args=[own.integration.pk]))
    assert Gate.objects.get(pk=own.integration.pk).pause_reason == ""


def test_pause_and_resume(own: SimpleNamespace, browser: Browser) -> None:
    def do(action: str) -> Integration:
        chosen = {"action": action, "_selected_action": [str(own.integration.pk)]}
        browser.client.post(reverse(LIST), chosen)
        found: Integration = (
            Integration.objects.of(own.platform).select_related("gate").get(pk=own.integration.pk)
        )
        return found

    paused = do("pause")
    assert not paused.enabled
    assert paused.gate.pause_reason
    assert "paused" in browser.html(reverse(LIST))
    resumed = do("resume")
    assert resumed.enabled
    assert not resumed.gate.pause_reason


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_a_switch_undoes_nothing_and_revives_nobody(
    action: str, own: SimpleNamespace, rf: RequestFactory
) -> None:
    """Between reading the rows and switching them others go on working."""
    gone = make.integration(platform=own.platform, name="gone")
    rows = Integration.objects.of(own.platform).filter(type="configured").order_by("name")
    assert [each.name for each in rows] == ["gone", "own-integration"]
    renamed = Integration.objects.of(own.platform).get(pk=own.integration.pk)
    renamed.name = "renamed meanwhile"
    renamed.save()
    gone.retire()

    request = rf.post("/")
    request.user = own.user
    request.session = {}
    request._messages = FallbackStorage(request)
    getattr(admin.site.get_model_admin(Integration), action)(request, rows)

    renamed.refresh_from_db()
    gone.refresh_from_db()
    assert renamed.name == "renamed meanwhile"
    assert renamed.enabled is (action == "resume")
    assert gone.deleted_at
    assert not gone.enabled
    assert str(next(iter(request._messages))).startswith("1 ")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", ["add", "change"])
def test_host_names_are_resolved_outside_the_transaction(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow resolver must hold no lock: on SQLite it would hold everybody's."""
    own = furnish(make.PlatformFactory(), "own")
    seen = []

    def noted(url: str) -> None:
        seen.append(connection.in_atomic_block)

    monkeypatch.setattr(egress, "check_url", noted)
    args = [own.integration.pk] if address == "change" else []
    Browser(own.user).saved(
        reverse(f"admin:integrations_integration_{address}", args=args),
        name="WMS",
        entity="business",
        actions=["created"],
        data_sources__0__webhook_url="http://wms.example/",
    )
    saved = Integration.objects.of(own.platform).get(name="WMS")
    assert saved.data_sources.get().settings == {"url": "http://wms.example/"}
    assert seen == [False]


@pytest.mark.django_db(transaction=True)
def test_a_page_is_saved_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    own = furnish(make.PlatformFactory(), "own")
    page = reverse("admin:integrations_integration_change", args=[own.integration.pk])

    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the power is gone")

    monkeypatch.setattr(DataSource, "save", broken)
    browser = Browser(own.user)
    with pytest.raises(RuntimeError, match="power"):
        browser.send(page, name="half", data_sources__0__name="half")
    own.integration.refresh_from_db()
    assert own.integration.name == "own-integration"


@pytest.mark.django_db(transaction=True)
def test_who_saves_while_it_is_checked_is_not_overwritten_in_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The page is sent again as if it came later; a deleted integration stays deleted."""
    own = furnish(make.PlatformFactory(), "own")
    page = reverse("admin:integrations_integration_change", args=[own.integration.pk])
    browser = Browser(own.user)
    others: list[Any] = [lambda: own.source.save(), lambda: own.integration.retire()]

    def meanwhile(url: str) -> None:
        if others:
            others.pop(0)()

    own.source.secrets = {"secret": "changed meanwhile"}
    monkeypatch.setattr(egress, "check_url", meanwhile)
    typed = {**browser.fields(page), "name": "mine"}
    assert browser.client.post(page, typed).status_code == 404
    own.integration.refresh_from_db()
    assert own.integration.deleted_at
    assert own.integration.name == "own-integration"
    assert dict(fresh(own).secrets) == {"secret": "changed meanwhile"}


@pytest.mark.django_db(transaction=True)
def test_who_is_never_the_fastest_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    own = furnish(make.PlatformFactory(), "own")
    page = reverse("admin:integrations_integration_change", args=[own.integration.pk])
    monkeypatch.setattr(egress, "check_url", lambda url: own.source.save())
    answer = Browser(own.user).send(page, name="mine")
    assert "Not saved" in told(answer)
    own.integration.refresh_from_db()
    assert own.integration.name == "own-integration"


@pytest.mark.parametrize("by", ["page", "list"])
def test_deleting_keeps_the_history_and_cancels_what_waits(
    by: str, own: SimpleNamespace, browser: Browser
) -> None:
    waiting = queued(own.integration, own.order)
    pk = own.integration.pk
    if by == "page":
        address = reverse("admin:integrations_integration_delete", args=[pk])
        assert "history can still be read" in browser.html(address)
        browser.client.post(address, {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": [str(pk)], "post": "yes"}
        browser.client.post(reverse(LIST), chosen)
    assert Integration.objects.of(own.platform).get(pk=pk).deleted_at is not None
    waiting.refresh_from_db()
    assert waiting.status == Status.CANCELLED
    assert f"{pk}/change" not in browser.html(reverse(LIST))
    fact = reverse("admin:integrations_integrationobject_change", args=[waiting.pk])
    assert "(deleted)" in browser.html(fact)


@pytest.mark.parametrize("name", ["Queue", "Logs", "Request logs"])
def test_the_way_to_its_rows(name: str, browser: Browser, page: str) -> None:
    found = re.search(rf'href="([^"]+)">{name}</a>', browser.html(page).partition("glance")[2])
    assert found
    assert "own-order" in browser.html(found[1].replace("&amp;", "&"))


def test_what_the_api_warns_of_is_told_after_saving(browser: Browser, page: str) -> None:
    answer = browser.saved(
        page,
        data_sources__0__webhook_auth_type="bearer",
        data_sources__0__webhook_auth_token="hush",
        data_sources__0__webhook_secret="abc",
    )
    assert "goes over the wire in the clear" in told(answer)
    assert "The signing secret is shorter than 24 bytes" in told(answer)


def test_what_the_api_warns_of_is_told_here_too(browser: Browser, page: str) -> None:
    answer = browser.saved(
        page,
        data_sources__0__mapping='{"x": "$.transportOrder.custmer.name"}',
        redact='["$.customer.contactDetail[*].value"]',
    )
    assert "Did you mean `$.transportOrder.customer.name`?" in told(answer)
    assert "Did you mean `$.customer.contactDetails[*].value`?" in told(answer)


@pytest.mark.parametrize("field", ["redact", "filters"])
def test_an_empty_object_is_no_list(browser: Browser, page: str, field: str) -> None:
    refused = browser.send(page, **{field: "{}"})
    assert "list" in errors(refused)[field][0]
    browser.saved(page, **{field: ""})
