"""Secrets are encrypted in the database, each for its row, masked in print, left out of dumps."""

import copy
import io
import json
import pickle
import traceback
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection

from integrations.models import AppInstallation, DataSource
from otms import documents
from otms.db.fields import Secrets, SecretsField
from otms.db.sealing import CannotOpen, cipher
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
    found = read()
    assert repr(found) == "Secrets(...)"  # looking at it in a debugger decrypts nothing
    assert found["secret"] == "hush-hush"
    assert repr(found) == "Secrets(secret=***)"
    assert repr(Secrets()) == "Secrets()"


def test_a_traceback_with_its_locals_shows_no_secret(source: DataSource) -> None:
    held = read()

    def fails(secrets: Any) -> None:
        raise RuntimeError(f"with {secrets} of {source!r}")

    try:
        fails(held)
    except RuntimeError as error:
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
    text = "".join(told.format())
    assert "held = Secrets(" in text
    assert "hush-hush" not in text


@pytest.mark.parametrize(
    "write", [json.dumps, documents.dumps, documents.pretty, pickle.dumps], ids=lambda w: w.__name__
)
def test_secrets_are_written_nowhere_unasked(write: Any, source: DataSource) -> None:
    for value in (source.secrets, {"settings": {"secrets": read()}}):
        with pytest.raises((TypeError, ValueError)) as refused:
            write(value)
        assert "hush" not in str(refused.value)


def test_a_record_with_secrets_is_copied_and_never_pickled(source: DataSource) -> None:
    assert copy.deepcopy(source).secrets == copy.copy(source).secrets == HUSH
    with pytest.raises(TypeError, match="read their record again"):
        pickle.dumps(source)


def test_secrets_can_be_read_and_not_changed_in_place(source: DataSource) -> None:
    found = read()
    with pytest.raises(TypeError):
        found["secret"] = "another"
    assert {**found} == HUSH
    assert found == Secrets(HUSH) != Secrets({})


def test_another_key_is_told_with_the_row(source: DataSource, settings: LazySettings) -> None:
    settings.OTMS_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    found = read()  # a record without its secrets can still be looked at
    with pytest.raises(CannotOpen, match=r"DataSource\.secrets of .* can't be decrypted") as error:
        dict(found)
    assert str(source.pk) in str(error.value)
    assert "OTMS_ENCRYPTION_KEYS" in str(error.value)
    assert "hush" not in str(error.value)
    assert stored() not in str(error.value)


def test_what_is_copied_to_another_row_can_not_be_read_there(source: DataSource) -> None:
    copied = stored()
    other = make.integration("https://8.8.4.4/", platform=source.platform).data_sources.get()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE integrations_datasource SET secrets = %s", [copied])
    assert DataSource.objects.of(source.platform).get(pk=source.pk).secrets == HUSH
    thief = DataSource.objects.of(source.platform).get(pk=other.pk)
    with pytest.raises(CannotOpen, match=rf"DataSource\.secrets of {other.pk} .*is a copy of"):
        thief.secrets["secret"]


def test_what_is_copied_to_another_table_can_not_be_read_there(source: DataSource) -> None:
    installed = make.InstallationFactory(id=source.pk, platform=source.platform)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE integrations_appinstallation SET secrets = %s", [stored()])
    found = AppInstallation.objects.of(source.platform).get(pk=installed.pk)
    with pytest.raises(CannotOpen, match=r"AppInstallation\.secrets of .*copy of .*DataSource"):
        dict(found.secrets)


def test_what_was_written_before_places_were_bound_is_read_and_bound_when_saved(
    source: DataSource,
) -> None:
    before = cipher().encrypt(json.dumps(HUSH).encode()).decode()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE integrations_datasource SET secrets = %s", [before])
    found = DataSource.objects.across_platforms().get()
    assert found.secrets == HUSH
    found.save()
    assert cipher().decrypt(stored()).startswith(b"integrations.DataSource.secrets of ")
    assert read() == HUSH


@pytest.mark.django_db(transaction=True)  # an update that is refused spoils its transaction
def test_secrets_are_set_on_their_record_alone(source: DataSource) -> None:
    rows = DataSource.objects.across_platforms()
    with pytest.raises(TypeError, match="set it there, and save"):
        rows.update(secrets=HUSH)
    new = DataSource._meta.get_field("secrets").sealed({"secret": "newer"}, source.pk)
    rows.filter(pk=source.pk).update(secrets=new)
    assert read() == {"secret": "newer"}
    with pytest.raises(CannotOpen, match="through their record"):
        dict(rows.values_list("secrets", flat=True)[0])
    source.secrets = {"secret": "new"}
    with pytest.raises(TypeError, match="set it there, and save"):
        DataSource.objects.of(source.platform).bulk_update([source], ["secrets"])


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
