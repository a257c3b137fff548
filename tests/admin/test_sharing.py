"""An integration is taken along: a copy beside it, and a text that it is made of anew."""

from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from integrations.admin.links import page_of
from integrations.models import Integration, IntegrationObject
from otms import yaml_text
from tests.admin.conftest import SECRET, Browser, without_tags

pytestmark = pytest.mark.django_db
IMPORT = "admin:integrations_integration_import_yaml"


def others(own: SimpleNamespace) -> Any:
    return (
        Integration.objects.of(own.platform).exclude(pk=own.integration.pk).order_by("created_at")
    )


def exported(browser: Browser, integration: Any) -> str:
    where = reverse("admin:integrations_integration_export_yaml", args=[integration.pk])
    answer = browser.client.get(where)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="own-integration.yaml"'
    return str(answer.content.decode())


@pytest.fixture(autouse=True)
def told(own: SimpleNamespace) -> None:
    """It says something in every part."""
    own.integration.filters = [{"field": "$.transportOrder.name", "operator": "exists"}]
    own.integration.delivery = {"timeout": 7}
    own.integration.redact = ["$.name"]
    own.integration.save()
    own.source.mapping = {"n": "$.transportOrder.name", "fixed": 1}
    own.source.remember = "$.id"
    own.source.name = "there"
    own.source.save()


def test_a_copy_says_the_same_is_paused_and_keeps_the_secrets(
    own: SimpleNamespace, browser: Browser
) -> None:
    where = reverse("admin:integrations_integration_duplicate", args=[own.integration.pk])
    assert 'value="Copy of own-integration"' in browser.html(where)
    before = set(others(own))
    answer = browser.client.post(where, {"name": "The second"}, follow=True)
    (made,) = set(others(own)) - before
    assert answer.redirect_chain[-1][0] == page_of(made)
    assert "It is paused" in without_tags(answer.content.decode())
    assert (made.name, made.enabled) == ("The second", False)
    first, second = yaml_text.loads(exported(browser, own.integration)), made.data_sources.get()
    assert (made.filters, made.delivery["timeout"], made.redact) == (
        first["filters"],
        7,
        ["$.name"],
    )
    assert dict(second.secrets) == dict(own.source.secrets)
    assert second.settings == own.source.settings
    assert second.mapping == own.source.mapping
    assert not IntegrationObject.objects.of(own.platform).filter(integration=made).exists()


def test_what_is_kept_elsewhere_is_not_copied(own: SimpleNamespace, browser: Browser) -> None:
    own.integration.installation = own.installation
    own.integration.save()
    where = reverse("admin:integrations_integration_duplicate", args=[own.integration.pk])
    before = others(own).count()
    said = browser.client.post(where, {"name": "x"}).content.decode()
    assert own.integration.kept_by in without_tags(said)
    assert others(own).count() == before


def test_the_text_has_no_secret_and_makes_the_same_anew(
    own: SimpleNamespace, browser: Browser
) -> None:
    text = exported(browser, own.integration)
    assert SECRET not in text
    assert "***" not in text
    assert "#   dataSources[0].settings.secret\n" in text
    file = SimpleUploadedFile("own.yaml", text.encode())
    for given in ({"text": text}, {"file": file}):
        before = set(others(own))
        answer = browser.client.post(reverse(IMPORT), given, follow=True)
        (made,) = set(others(own)) - before
        assert answer.redirect_chain[-1][0] == page_of(made)
        assert not made.enabled
        anew = yaml_text.loads(exported(browser, made))
        assert anew == {**yaml_text.loads(text), "enabled": False}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Choose a file, or write the text."),
        ("name: [", "This is not YAML: expected the node content"),
        ("a: 1\n b: 2", "(line 2, column 3)"),
        ("- 1", "Invalid data"),
        ("name: x", "type: This field is required."),
        ("name: x\ntype: configured\ntrigger: {entity: nothing}", "trigger"),
        (
            "name: x\ntype: configured\n"
            "dataSources: [{settings: {url: 'nowhere'}, mapping: {a: {$b: 1}}}]",
            "dataSources[0].mapping.a: No operator `$b`",
        ),
    ],
)
def test_what_is_wrong_with_a_text_is_told(
    own: SimpleNamespace, browser: Browser, text: str, said: str
) -> None:
    before = others(own).count()
    answer = browser.client.post(reverse(IMPORT), {"text": text})
    assert said in without_tags(answer.content.decode())
    assert others(own).count() == before


def test_what_was_in_a_file_is_mended_in_the_box(browser: Browser) -> None:
    answer = browser.client.post(
        reverse(IMPORT), {"file": SimpleUploadedFile("x", b"name: mend me")}
    )
    assert "type: This field is required." in without_tags(answer.content.decode())
    assert "name: mend me" in answer.content.decode()


def test_that_another_is_called_so_is_said(own: SimpleNamespace, browser: Browser) -> None:
    text = exported(browser, own.integration)
    said = browser.client.post(reverse(IMPORT), {"text": text}, follow=True).content.decode()
    assert "There is another one called own-integration: it stays as it is." in without_tags(said)
    own.integration.name = "renamed"
    own.integration.save()
    others(own).delete()
    said = browser.client.post(reverse(IMPORT), {"text": text}, follow=True).content.decode()
    assert "There is another one" not in said


def test_a_file_that_is_no_text_is_refused(browser: Browser) -> None:
    answer = browser.client.post(reverse(IMPORT), {"file": SimpleUploadedFile("x", b"\xff\xfe")})
    assert "The file is not UTF-8." in answer.content.decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [x]\nb: *a", "is not read: write out what is meant"),
        ("name: x\ntype: configured\nfilters: !!binary x", "is not read"),
        ("[" * 2000, "nested deeper than 64 levels"),
        ("n: " + "9" * 5000, "out of range"),
        ("# " + "x" * 1_000_001, "longer than 1,000,000 characters"),
    ],
)
def test_what_is_made_to_hurt_is_refused(browser: Browser, text: str, said: str) -> None:
    answer = browser.client.post(reverse(IMPORT), {"text": text})
    assert answer.status_code == 200
    assert said in without_tags(answer.content.decode())


def test_a_file_that_is_too_large_is_not_read(browser: Browser) -> None:
    file = SimpleUploadedFile("x.yaml", b"# " + b"x" * 1_000_001)
    answer = browser.client.post(reverse(IMPORT), {"file": file})
    assert "The file is larger than 1,000,000 bytes." in answer.content.decode()


def test_a_copy_without_its_secrets_is_not_made(
    own: SimpleNamespace, browser: Browser, settings: LazySettings
) -> None:
    settings.OTMS_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    where = reverse("admin:integrations_integration_duplicate", args=[own.integration.pk])
    before = others(own).count()
    said = without_tags(browser.client.post(where, {"name": "x"}).content.decode())
    assert "The secrets of the data source" in said
    assert others(own).count() == before


def test_a_name_of_several_lines_stays_a_comment(own: SimpleNamespace, browser: Browser) -> None:
    Integration.objects.of(own.platform).filter(pk=own.integration.pk).update(
        name="own-integration\nenabled: false"
    )
    where = reverse("admin:integrations_integration_export_yaml", args=[own.integration.pk])
    text = browser.client.get(where).content.decode()
    assert yaml_text.loads(text)["enabled"] is True
