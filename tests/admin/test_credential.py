"""The credentials of an integration: made, shown once, ended."""

from types import SimpleNamespace

from django.urls import reverse

from integrations.admin.credential import SCOPES
from integrations.api.authentication import OWN
from integrations.models import Credential
from tests.admin.conftest import Browser, without_tags


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


def test_one_is_rotated_with_its_name_and_its_rights(
    own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    asked = {"name": "scanner", "scopes": ["import:data"], "rate": "60"}
    browser.client.post(credentials_page(own), asked)
    before = Credential.objects.of(own.platform).get(name="scanner")
    where = f"{credentials_page(own)}?rotate={before.pk}"
    assert f'href="?rotate={before.pk}#new-credentials"' in browser.html(credentials_page(own))
    form = browser.client.get(where).context["form"]
    chosen = {name: form[name].value() for name in ("name", "keep", "rate", "scopes")}
    assert chosen == {"name": "scanner", "keep": "1", "rate": 60, "scopes": ["import:data"]}
    html = browser.client.post(where, chosen).content.decode()
    assert html.count("data-copy ") == 3
    before.refresh_from_db()
    assert before.state == "ending"
    for wrong in (foreign.integration.credentials.get().pk, "moon", ""):
        answer = browser.client.get(credentials_page(own), {"rotate": str(wrong)})
        assert not answer.context["form"].initial
