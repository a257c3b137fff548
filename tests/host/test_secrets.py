"""Secrets are encrypted in the database, masked in print, and left out of dumps."""

import io
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection

from integrations.models import DataSource
from otms.db.fields import Secrets, SecretsField
from tests import make

pytestmark = pytest.mark.django_db
HUSH = {"secret": "hush-hush"}


@pytest.fixture
def source() -> DataSource:
    return make.integration("https://8.8.8.8/", secrets=HUSH).data_sources.get()


def stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM integrations_datasource")
        ((text,),) = cursor.fetchall()
    return str(text)


def read() -> Any:
    return DataSource.objects.across_platforms().get().secrets


def test_a_secret_is_read_back_but_not_readable(source: DataSource) -> None:
    assert read() == HUSH
    assert "hush" not in stored()
    source.secrets = {}
    source.save()
    assert (read(), stored()) == ({}, "")


def test_the_same_secret_is_never_stored_alike(source: DataSource) -> None:
    before = stored()
    source.save()
    assert stored() != before


def test_printing_secrets_shows_their_names(source: DataSource) -> None:
    for text in (repr(source.secrets), str(source.secrets), f"{source.secrets}", repr(read())):
        assert "hush" not in text
    assert repr(read()) == "Secrets(secret=***)"
    assert repr(Secrets()) == "Secrets()"


def test_another_key_is_told(source: DataSource, settings: LazySettings) -> None:
    settings.OTMS_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(ValueError, match=r"DataSource\.secrets can't be decrypted.*_KEYS") as error:
        read()
    assert "hush" not in str(error.value)


def test_a_rotated_key_still_reads_and_the_new_one_writes(
    source: DataSource, settings: LazySettings
) -> None:
    new = Fernet.generate_key().decode()
    settings.OTMS_ENCRYPTION_KEYS = [new, *settings.OTMS_ENCRYPTION_KEYS]
    source = DataSource.objects.across_platforms().get()
    assert source.secrets == HUSH
    source.save()
    settings.OTMS_ENCRYPTION_KEYS = [new]
    assert read() == HUSH


def test_a_dump_has_no_secret(source: DataSource) -> None:
    dump = io.StringIO()
    call_command("dumpdata", "integrations", use_base_manager=True, stdout=dump)
    assert "integrations.datasource" in dump.getvalue()
    assert "hush" not in dump.getvalue()
    assert stored() not in dump.getvalue()


def test_a_secret_has_no_form() -> None:
    field = SecretsField()
    field.set_attributes_from_name("secrets")
    assert [error.msg for error in field.check()][-1] == "A secrets field must be editable=False."
    assert DataSource._meta.get_field("secrets").editable is False
