"""`manage.py check` names settings that would be wrong in silence."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.checks import run_checks

from integrations import store


def found() -> list[str | None]:
    return [message.id for message in run_checks()]


def test_good_settings_pass() -> None:
    assert found() == []


def test_a_mistyped_network_is_named(settings: LazySettings) -> None:
    settings.OTMS_EGRESS_ALLOW = ["10.1.0.0/16", "erp.internal", "10.1.0.0/33"]
    assert found() == ["otms.E001"]


def test_a_mistyped_address_of_an_operator_is_named(settings: LazySettings) -> None:
    settings.OTMS_OPERATOR_EMAILS = ["ops@example.com", "ops"]
    (error,) = run_checks()
    assert error.id == "otms.E004"
    assert '"ops"' in error.msg


def test_a_key_of_the_wrong_form_is_named(settings: LazySettings) -> None:
    settings.OTMS_ENCRYPTION_KEYS = [*settings.OTMS_ENCRYPTION_KEYS, "secret"]
    assert found() == ["otms.E002"]


def test_a_broken_manifest_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forget() -> None:
        for cached in (store.known, store.find, store.apps):
            cached.cache_clear()

    (tmp_path / "fleet.yaml").write_text("name: Fleet\n")
    monkeypatch.setattr(store, "FOLDER", tmp_path)
    forget()
    try:
        (message,) = run_checks()
    finally:
        forget()
    assert message.id == "otms.E003"
    assert message.msg.startswith("fleet.yaml: version: This field is required.")
