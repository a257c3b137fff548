"""The lock files hold what the product needs to run, and name no index."""

import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
RUNTIME = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def locked(text: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9][a-z0-9-]*)==", text, re.MULTILINE))


def test_what_a_broker_on_redis_needs_is_in_the_runtime_lock() -> None:
    """The development lock has more, and would hide a worker that can't start."""
    wanted = {
        Requirement(each).name for each in requires("kombu") or [] if 'extra == "redis"' in each
    }
    assert wanted
    assert wanted <= locked(RUNTIME)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_names_no_index_and_hashes_everything(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "http" not in re.sub(r"aiohttp|httpcore|httpx", "", text)
    assert "--index-url" not in text
    for block in re.split(r"\n(?=[a-z])", text):
        assert "--hash=sha256:" in block, block[:60]


def test_both_locks_agree() -> None:
    development = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^[a-z0-9-]+==\S+", RUNTIME, re.MULTILINE))
    assert pinned <= set(re.findall(r"^[a-z0-9-]+==\S+", development, re.MULTILINE))
