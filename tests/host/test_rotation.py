"""Keys are rotated while everything runs, and it is known when an old one may go."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection, models

from integrations.models import AppInstallation, DataSource, Integration
from otms.accounts.models import Platform
from otms.api.models import KeptAnswer
from otms.db import rotation
from otms.db.fields import SealedMixin
from otms.db.sealing import cipher
from tests import make

pytestmark = pytest.mark.django_db
NEW = Fernet.generate_key().decode()
HUSH = {"secret": "hush-hush"}


@pytest.fixture
def old(settings: LazySettings) -> str:
    """The only key there was when the secrets were typed."""
    return str(settings.OTMS_ENCRYPTION_KEYS[0])


@pytest.fixture
def both(old: str, settings: LazySettings) -> Callable[[], None]:
    """Put a new key in front."""

    def turn() -> None:
        settings.OTMS_ENCRYPTION_KEYS = [NEW, old]

    return turn


def rotated(*options: str) -> str:
    told = io.StringIO()
    call_command("rotatekeys", *options, stdout=told, stderr=told)
    return told.getvalue()


def refused(*options: str) -> str:
    told = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command("rotatekeys", *options, stdout=told, stderr=told)
    return f"{told.getvalue()}{error.value}"


def sources() -> Any:
    return DataSource.objects.across_platforms().order_by("pk")


def many(n: int) -> Platform:
    platform: Platform = make.PlatformFactory()
    for number in range(n):
        make.integration("https://8.8.8.8/", platform=platform, secrets={"secret": f"no {number}"})
    return platform


def test_every_sealed_column_is_found_and_an_ordinary_text_is_none() -> None:
    found = {(each.model, each.name) for each in rotation.sealed_fields()}
    assert {(DataSource, "secrets"), (AppInstallation, "secrets"), (KeptAnswer, "answer")} <= found
    known = {model._meta.label for model, _ in found}
    suspicious = {
        field.model._meta.label
        for model in apps.get_models()
        for field in model._meta.local_fields
        if isinstance(field, SealedMixin) or field.name in ("secret", "secrets")
    }
    assert suspicious <= known


def test_a_row_must_know_its_id_before_it_is_stored() -> None:
    for field in rotation.sealed_fields():
        assert not isinstance(field.model._meta.pk, models.AutoField), field


def test_after_a_rotation_the_old_key_may_go(
    old: str, both: Callable[[], None], settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 3)
    platform = many(10)
    make.InstallationFactory(platform=platform, secrets={"webhookUrl": "https://8.8.8.8/hush"})
    KeptAnswer.objects.create(call="c", content_hash="h", status=200, answer=b'{"token":"hush"}')
    make.integration("https://8.8.8.8/", platform=platform)  # one without a secret
    both()
    assert "12 are still under an older key" in refused("--check")
    told = rotated()
    assert "integrations.DataSource.secrets: 10 of 10 under the first key" in told
    assert "All are under the first key; the others may be removed." in told
    settings.OTMS_ENCRYPTION_KEYS = [NEW]
    assert "All are under the first key." in rotated("--check")
    found = {each.secrets.get("secret") for each in sources()}
    assert found == {None, *(f"no {number}" for number in range(10))}
    assert AppInstallation.objects.of(platform).get().secrets == {
        "webhookUrl": "https://8.8.8.8/hush"
    }
    assert KeptAnswer.objects.get().answer == b'{"token":"hush"}'


def test_a_rotation_changes_nothing_else(old: str, both: Callable[[], None]) -> None:
    platform = many(1)

    def rest() -> Any:
        return (
            list(Integration.objects.of(platform).values()),
            list(DataSource.objects.of(platform).defer("secrets").values("pk", "updated_at")),
        )

    before = rest()
    both()
    rotated()
    assert rest() == before


def test_a_rotation_that_was_stopped_goes_on_where_it_was(
    old: str, both: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    many(5)
    both()
    (column,) = (each for each in rotation.sealed_fields() if each.model is DataSource)
    begun = rotation.rotate(column)
    assert next(begun) == 2
    begun.close()
    assert "3 are still under an older key" in refused("--check")
    assert sum(rotation.rotate(column)) == 3
    assert sum(rotation.rotate(column)) == 0


def test_a_secret_that_is_changed_meanwhile_stays_changed(
    old: str, both: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    many(1)
    both()
    look = rotation._batches

    def overtaken(of: Any) -> Any:
        for rows in look(of):
            if of.model is DataSource:
                source = sources().get()
                source.secrets = {"secret": "typed meanwhile"}
                source.save()
            yield rows

    monkeypatch.setattr(rotation, "_batches", overtaken)
    rotated()
    assert sources().get().secrets == {"secret": "typed meanwhile"}


def test_what_was_bound_to_no_place_is_bound_by_a_rotation(old: str) -> None:
    platform = many(1)
    unbound = cipher().encrypt(json.dumps(HUSH).encode()).decode()
    KeptAnswer.objects.create(call="c", content_hash="h", status=200, answer=b"{}")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE integrations_datasource SET secrets = %s", [unbound])
        cursor.execute("UPDATE api_keptanswer SET answer = %s", [b'{"in":"clear"}'])
    assert KeptAnswer.objects.get().answer == b'{"in":"clear"}'
    assert "2 are still under an older key" in refused("--check")
    rotated()
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM integrations_datasource")
        assert cipher().decrypt(cursor.fetchone()[0]).startswith(b"integrations.DataSource")
    assert DataSource.objects.of(platform).get().secrets == HUSH
    assert KeptAnswer.objects.get().answer == b'{"in":"clear"}'


def test_what_no_key_reads_is_named_and_kept_until_it_is_to_be_forgotten(
    old: str, settings: LazySettings
) -> None:
    platform = many(1)
    settings.OTMS_ENCRYPTION_KEYS = [NEW]
    many(1)
    lost = DataSource.objects.of(platform).get()
    told = refused()
    assert f"integrations.DataSource.secrets of {lost.pk} can't be decrypted" in told
    assert "can read 1 of them" in told
    assert "hush" not in told
    settings.OTMS_ENCRYPTION_KEYS = [NEW, old]
    assert DataSource.objects.of(platform).get().secrets == {"secret": "no 0"}
    settings.OTMS_ENCRYPTION_KEYS = [NEW]
    assert "All are under the first key." in rotated("--forget-unreadable")
    assert DataSource.objects.of(platform).get().secrets == {}
