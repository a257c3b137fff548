"""What .ci/scan.py looks for is found when it is there."""

import importlib.util
import secrets
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

ROOT = Path(__file__).parents[2]


@pytest.fixture
def scan(tmp_path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("scan", ROOT / ".ci" / "scan.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Put together here, so that they are not found in this file.
LEAKS = {
    "a Fernet key": lambda: Fernet.generate_key().decode(),
    "a token of ours": lambda: "otms_" + f"pat_{secrets.token_urlsafe(32)}",
    "a token of GitHub": lambda: "ghp_" + secrets.token_hex(18),
    "a webhook of Slack": lambda: (
        "hooks.slack" + f".com/services/T{'A' * 9}/B{'B' * 9}/{secrets.token_hex(12)}"
    ),
    "a password in a URL": lambda: "postgres://" + f"otms:{secrets.token_hex(8)}@db.example/otms",
    "a secret by its name": lambda: 'api_key = "' + f'Q7{secrets.token_urlsafe(24)}"',
    "a key of AWS": lambda: "AKIA" + "ABCDEFGH12345678",
}


@pytest.mark.parametrize("kind", LEAKS)
def test_a_secret_is_seen(kind: str, scan: Any) -> None:
    text = f"# a file\n{LEAKS[kind]()}\n"
    assert kind in {found for found, _ in scan.looked_at(text)}


def test_words_and_places_for_secrets_are_none(scan: Any) -> None:
    text = """
        password = "correct horse battery staple"
        DATABASE_URL=postgres://user:password@host:5432/name
        token = os.environ["OTMS_TOKEN"]
        secret = "the-signing-secret"
        EMAIL_URL=smtp://user:<password>@host
    """
    found = [
        kind for kind, it in scan.looked_at(text) if scan.fingerprint(it) not in scan.NO_SECRETS
    ]
    assert found == []


def test_a_secret_in_a_file_of_the_tree_is_told_with_its_place(
    scan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak = LEAKS["a token of ours"]()
    monkeypatch.setattr(scan, "versions", lambda: [("old/file.py (1234)", leak.encode())])
    (told,) = scan.secrets()
    assert told.startswith("old/file.py (1234): a token of ours: otms...")
    assert leak not in told


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("django>=5.2 \\\n    --hash=sha256:00\n", "is not pinned"),
        ("django==5.2.19\n", "has no hash"),
        ("django @ git+https://x.example/y\n", "comes from a place of its own"),
        ("--extra-index-url https://x.example\n", "comes from a place of its own"),
    ],
)
def test_a_lock_that_leaves_something_open_is_refused(
    line: str, wrong: str, scan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "ROOT", tmp_path)
    monkeypatch.setattr(scan, "LOCKS", ("a.lock",))
    (tmp_path / "a.lock").write_text(line)
    assert any(wrong in told for told in scan.pins())


@pytest.mark.parametrize("licence", ["GPL-3.0-only", "AGPL-3.0", "Proprietary", "", "MPL-2.0"])
def test_a_licence_that_is_not_permissive_is_refused(licence: str, scan: Any) -> None:
    assert scan.COPYLEFT.search(licence) or not scan.PERMISSIVE.search(licence)


def test_what_is_explained_is_still_there(scan: Any) -> None:
    assert scan.EXPLAINED.keys() <= scan.locked()
    assert list(scan.pins()) == []
    assert list(scan.licences()) == []
