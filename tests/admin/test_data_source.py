"""The steps of an integration on its page: fields, secrets, order."""

import re
from contextlib import closing
from datetime import datetime, timedelta
from types import SimpleNamespace

from django.urls import reverse
from django.utils.timezone import now

from integrations.models import DataSource
from tests.admin.conftest import SECRET, Browser, errors, told
from tests.admin.test_integration import ADD, fresh, page
from tests.http.test_tls import AUTHORITY

__all__ = ["page"]


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


def test_how_a_step_asks_is_chosen(own: SimpleNamespace, browser: Browser, page: str) -> None:
    assert "POST (as usual)" in browser.html(page)
    asks = {"data_sources__0__webhook_method": "GET"}
    refused = browser.send(page, **asks, data_sources__0__mapping='{"who": {"name": "$.x"}}')
    assert "who: A parameter of a query is" in refused.content.decode()
    browser.saved(page, **asks, data_sources__0__mapping='{"who": "$.transportOrder.name"}')
    (step,) = DataSource.objects.of(own.platform).filter(integration=own.integration)
    assert step.settings["method"] == "GET"
    browser.saved(page, data_sources__0__webhook_method="")
    step.refresh_from_db()
    assert "method" not in step.settings


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
