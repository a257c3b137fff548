"""Integrations in the admin: what can be set up, what is refused, and what is never shown."""

import re
from contextlib import closing
from datetime import datetime, timedelta
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
from integrations.admin.credential import SCOPES
from integrations.api.authentication import OWN
from integrations.models import Credential, DataSource, Integration, Status
from tests import make
from tests.admin.conftest import SECRET, Browser, errors, furnish, queued, told, without_tags
from tests.http.test_tls import AUTHORITY

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


def test_a_secret_is_never_shown(browser: Browser, page: str) -> None:
    html = browser.html(page)
    assert SECRET not in html
    assert "stored" in html
    refused = browser.send(page, data_sources__0__webhook_secret="typed-now", name="")
    assert "typed-now" not in refused.content.decode()


def test_a_typed_secret_replaces_the_stored_one(
    own: SimpleNamespace, browser: Browser, page: str
) -> None:
    browser.saved(page, data_sources__0__webhook_secret="another")
    assert dict(fresh(own).secrets) == {"secret": "another"}


def test_another_path_keeps_the_secret(own: SimpleNamespace, browser: Browser, page: str) -> None:
    browser.saved(page, data_sources__0__webhook_url="http://127.0.0.1/elsewhere")
    assert dict(fresh(own).secrets) == {"secret": SECRET}


def test_another_host_forgets_the_secret_and_says_so(
    own: SimpleNamespace, browser: Browser, page: str
) -> None:
    answer = browser.saved(page, data_sources__0__webhook_url="http://127.0.0.2/own")
    assert dict(fresh(own).secrets) == {}
    assert "forgotten" in told(answer)


def test_another_host_takes_the_secret_typed_with_it(
    own: SimpleNamespace, browser: Browser, page: str
) -> None:
    browser.saved(
        page,
        data_sources__0__webhook_url="http://127.0.0.2/own",
        data_sources__0__webhook_secret="typed",
    )
    assert dict(fresh(own).secrets) == {"secret": "typed"}


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


def test_several_data_sources_keep_the_order_of_the_form(
    own: SimpleNamespace, browser: Browser, page: str
) -> None:
    browser.saved(
        page,
        data_sources__TOTAL_FORMS=3,
        data_sources__1__connector="webhook",
        data_sources__1__name="second",
        data_sources__1__webhook_url="http://127.0.0.1/2",
        data_sources__2__connector="webhook",
        data_sources__2__name="third",
        data_sources__2__webhook_url="http://127.0.0.1/3",
    )
    steps = DataSource.objects.of(own.platform).filter(integration=own.integration)
    assert [(step.position, step.name) for step in steps] == [(0, ""), (1, "second"), (2, "third")]
    browser.saved(page, data_sources__1__DELETE="on")
    assert [(step.position, step.name) for step in steps.all()] == [(0, ""), (1, "third")]


def test_a_step_that_asks_needs_a_name_and_one_behind_it(
    own: SimpleNamespace, browser: Browser, page: str
) -> None:
    assert "Enrich: its answer is at" in browser.html(page)
    refused = browser.send(page, data_sources__0__use="enrich")
    assert "Give it a name" in refused.content.decode()
    named = {"data_sources__0__use": "enrich", "data_sources__0__name": "Prices"}
    refused = browser.send(page, **named)
    assert "Nothing comes behind this step" in refused.content.decode()
    browser.saved(
        page,
        **named,
        data_sources__TOTAL_FORMS=2,
        data_sources__1__connector="webhook",
        data_sources__1__use="deliver",
        data_sources__1__webhook_url="http://127.0.0.1/2",
    )
    steps = DataSource.objects.of(own.platform).filter(integration=own.integration)
    assert [step.use for step in steps] == ["enrich", "deliver"]


def test_each_connector_has_fields_of_its_own(own: SimpleNamespace, browser: Browser) -> None:
    warehouse = {
        "data_sources__0__connector": "postgresql",
        "data_sources__0__postgresql_host": "10.0.0.1",
        "data_sources__0__postgresql_port": "5433",
        "data_sources__0__postgresql_database": "warehouse",
        "data_sources__0__postgresql_user": "otms",
        "data_sources__0__postgresql_password": " sesame ",
        "data_sources__0__postgresql_table": "orders",
        "data_sources__0__postgresql_tls": "off",
        "data_sources__0__webhook_secret": "of another connector",
    }
    answer = browser.send(reverse(ADD), name="warehouse", **warehouse)
    assert "private address" in str(errors(answer)["data_sources-0-postgresql_host"])
    warehouse["data_sources__0__postgresql_host"] = "127.0.0.1"
    browser.saved(reverse(ADD), name="warehouse", **warehouse)
    source = DataSource.objects.of(own.platform).get(integration__name="warehouse")
    assert (source.settings["port"], source.settings["tls"]) == (5433, "off")
    assert "schema" not in source.settings
    assert dict(source.secrets) == {"password": " sesame "}


def test_the_page_hides_the_fields_of_other_connectors(browser: Browser) -> None:
    html = browser.html(reverse(ADD))
    (script,) = re.findall(r'<script src="([^"]*data_source[^"]*[.]js)"', html)
    with closing(browser.client.get(script)) as answer:
        assert answer["Content-Type"].startswith("text/javascript")
    assert 'name="data_sources-0-slack_webhookUrl"' in html
    assert "Webhook URL" in html


def test_the_list_tells_how_it_goes(own: SimpleNamespace, browser: Browser) -> None:
    queued(own.integration, own.order)
    html = browser.html(reverse(LIST))
    assert "Transport order: created" in html
    assert "http://127.0.0.1/own" in html
    assert "degraded" in html
    assert f"integration__id__exact={own.integration.pk}" in html


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


def test_a_target_that_asks_who_calls_is_told_in_fields(
    own: SimpleNamespace, browser: Browser, page: str
) -> None:
    field = "data_sources__0__webhook_auth_"
    browser.saved(
        page,
        **{
            f"{field}type": "oauth2",
            f"{field}tokenUrl": "http://127.0.0.1:9/token",
            f"{field}clientId": "otms",
            f"{field}clientSecret": "hush-client",
            f"{field}scope": "orders",
            f"{field}token": "of another kind, and hidden by the page",
        },
    )
    source = fresh(own)
    assert source.settings["auth"] == {
        "type": "oauth2",
        "tokenUrl": "http://127.0.0.1:9/token",
        "clientId": "otms",
        "scope": "orders",
    }
    assert dict(source.secrets) == {"secret": SECRET, "auth.clientSecret": "hush-client"}
    html = browser.html(page)
    assert "hush-client" not in html
    assert 'value="http://127.0.0.1:9/token"' in html
    assert 'data-when="webhook_auth_type"' in html
    browser.saved(page)
    assert (fresh(own).settings, dict(fresh(own).secrets)) == (source.settings, source.secrets)
    answer = browser.saved(page, **{f"{field}type": "bearer", f"{field}token": "hush"})
    assert fresh(own).settings["auth"] == {"type": "bearer"}
    assert dict(fresh(own).secrets) == {"secret": SECRET, "auth.token": "hush"}
    assert "forgotten" not in told(answer)
    refused = browser.send(page, **{f"{field}type": "basic"})
    assert set(errors(refused)) == {
        "data_sources-0-webhook_auth_username",
        "data_sources-0-webhook_auth_password",
    }


def test_a_private_key_keeps_its_lines_and_is_never_shown(
    own: SimpleNamespace, browser: Browser, page: str
) -> None:
    tls = "data_sources__0__webhook_tls_"
    typed = {f"{tls}key": "-----BEGIN PRIVATE KEY-----\nhush\n", f"{tls}certificate": "nonsense"}
    refused = browser.send(page, data_sources__0__webhook_url="https://127.0.0.1/", **typed)
    assert {"data_sources-0-webhook_tls_key", "data_sources-0-webhook_tls_certificate"} == set(
        errors(refused)
    )
    html = refused.content.decode()
    assert "hush" not in html
    assert 'name="data_sources-0-webhook_tls_key"' in html
    assert re.search(r'<textarea[^>]*name="data_sources-0-webhook_tls_key"', html)


def test_a_new_signing_secret_is_shown_once(
    own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    def address(which: SimpleNamespace) -> str:
        name = "admin:integrations_integration_signing"
        return reverse(name, args=[which.integration.pk])

    assert "Signed with a secret" in browser.html(address(own))
    assert dict(fresh(own).secrets) == {"secret": SECRET}, "looking makes none"
    answer = browser.client.post(address(own), {"source": str(own.source.pk), "scheme": "v1"})
    new = fresh(own).secrets["secret"]
    assert new in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert fresh(own).secrets["previousSecret"] == SECRET
    assert new not in browser.html(address(own))
    assert "signs too, until" in answer.content.decode()
    assert "signs too, until" in browser.html(address(own))
    page = reverse("admin:integrations_integration_change", args=[own.integration.pk])
    assert "previousSecret" not in browser.html(page)
    browser.saved(page)
    assert fresh(own).secrets["previousSecret"] == SECRET
    answer = browser.client.post(address(own), {"source": str(own.source.pk), "scheme": "v1a"})
    html = answer.content.decode()
    assert fresh(own).secrets["secret"] not in html
    assert "whpk_" in html
    assert "whpk_" in browser.html(address(own))
    theirs = {"source": str(foreign.source.pk), "scheme": "v1"}
    assert browser.client.post(address(foreign), theirs).status_code == 404
    for wrong in (theirs, {"source": "nonsense"}, {}):
        assert browser.client.post(address(own), wrong).status_code == 404


def test_credentials_are_shown_once(
    own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    def address(which: SimpleNamespace) -> str:
        name = "admin:integrations_integration_credentials"
        return reverse(name, args=[which.integration.pk])

    living = Credential.objects.of(own.platform).filter(revoked_at=None)
    before = living.get()
    assert before.api_key in browser.html(address(own))
    assert living.get() == before, "looking makes none"
    answer = browser.client.post(address(own))
    made = living.get()
    assert made != before
    html = answer.content.decode()
    assert made.api_key in html
    assert Credential.PREFIX in html
    assert "no-store" in answer["Cache-Control"]
    again = browser.html(address(own))
    assert made.api_key in again
    assert Credential.PREFIX not in again
    assert browser.client.post(address(foreign)).status_code == 404


def credentials_page(own: SimpleNamespace) -> str:
    return reverse("admin:integrations_integration_credentials", args=[own.integration.pk])


def test_a_credential_is_made_as_it_was_asked_for(own: SimpleNamespace, browser: Browser) -> None:
    asked = {"name": "scanner", "scopes": ["import:data"], "lives": "30", "rate": "60", "keep": ""}
    html = browser.client.post(credentials_page(own), asked).content.decode()
    assert Credential.PREFIX in html
    made = Credential.objects.of(own.platform).get(name="scanner")
    assert (made.scopes, made.rate) == (["import:data"], 60)
    assert made.expires_at is not None
    assert 29 < (made.expires_at - made.created_at).days + 1 <= 31
    said = " ".join(without_tags(browser.html(credentials_page(own))).split())
    assert "It may import orders; 60 calls a minute." in said
    assert "works until" in said
    assert "last used never" in said
    older = Credential.objects.of(own.platform).get(name="")
    assert older.state == "valid", "it has another name"
    browser.client.post(credentials_page(own), {**asked, "keep": "1"})
    made.refresh_from_db()
    assert made.state == "ending"


def test_what_makes_no_sense_makes_no_credential(own: SimpleNamespace, browser: Browser) -> None:
    for wrong in ({"rate": "0"}, {"lives": "9"}, {"scopes": ["create:transportOrder"]}):
        answer = browser.client.post(credentials_page(own), wrong)
        assert answer.context["form"].errors
        assert Credential.PREFIX not in answer.content.decode()
    assert Credential.objects.of(own.platform).count() == 1


def test_a_credential_is_revoked_on_its_page(
    own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    credential = own.integration.credentials.get()
    theirs = foreign.integration.credentials.get()
    for id in (credential.pk, theirs.pk, "moon", ""):
        browser.client.post(credentials_page(own), {"revoke": str(id)})
    credential.refresh_from_db()
    theirs.refresh_from_db()
    assert (credential.state, theirs.state) == ("revoked", "valid")
    html = browser.html(credentials_page(own))
    assert 'name="revoke"' not in html
    assert Credential.objects.of(own.platform).count() == 1


def test_each_scope_has_words() -> None:
    assert SCOPES.keys() == OWN


@pytest.mark.parametrize("action", ["see_queue", "see_logs", "see_requests"])
def test_the_way_to_its_rows(action: str, own: SimpleNamespace, browser: Browser) -> None:
    name = f"admin:integrations_integration_{action}"
    html = browser.html(reverse(name, args=[own.integration.pk]))
    assert "own-order" in html


def test_what_the_api_warns_of_is_told_after_saving(browser: Browser, page: str) -> None:
    answer = browser.saved(
        page,
        data_sources__0__webhook_auth_type="bearer",
        data_sources__0__webhook_auth_token="hush",
        data_sources__0__webhook_secret="abc",
    )
    assert "goes over the wire in the clear" in told(answer)
    assert "The signing secret is shorter than 24 bytes" in told(answer)


def test_a_secret_that_is_needed_elsewhere_is_asked_for_again(browser: Browser, page: str) -> None:
    browser.saved(
        page,
        data_sources__0__webhook_auth_type="bearer",
        data_sources__0__webhook_auth_token="hush",
    )
    answer = browser.send(page, data_sources__0__webhook_url="http://127.0.0.2/")
    text = "This leads to another place now: type the token again."
    assert errors(answer) == {"data_sources-0-webhook_auth_token": [text]}
    (inline,) = answer.context["inline_admin_formsets"]
    (form,) = [each for each in inline.formset.forms if each.errors]
    assert "placeholder" not in form.fields["webhook_auth_token"].widget.attrs


def test_whose_a_stored_certificate_is_and_when_it_ends_is_shown(
    own: SimpleNamespace, browser: Browser, page: str
) -> None:
    source = fresh(own)
    source.settings = {"url": "https://127.0.0.1/", "tls": {"ca": AUTHORITY.certificate}}
    source.save()
    assert re.search(r"Stored: CN=an authority, until 20\d\d-\d\d-\d\d", browser.html(page))


def test_how_long_the_signing_secret_goes_on_is_chosen(
    own: SimpleNamespace, browser: Browser
) -> None:
    url = reverse("admin:integrations_integration_signing", args=[own.integration.pk])
    assert "signs for another 7 days" in browser.html(url)
    made = {"source": own.source.pk, "scheme": "v1"}
    browser.client.post(url, {**made, "keep": "168"})
    until = datetime.fromisoformat(fresh(own).settings["previousSecretUntil"])
    assert timedelta(days=6.9) < until - now() <= timedelta(days=7)
    answer = browser.client.post(url, {**made, "keep": "0"})
    assert "was to sign until" in answer.content.decode()
    assert "previousSecretUntil" not in fresh(own).settings


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
