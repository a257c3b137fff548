"""The page of promises names tests that are there, and settings and pages that it speaks of."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/security.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)


def test_every_promise_names_a_test_that_is_there() -> None:
    promises = [(what, tests) for what, tests in ROWS if what not in ("Promise", "---")]
    assert len(promises) > 25
    for what, tests in promises:
        named = re.findall(r"`([^`]+)`", tests)
        assert named, what
        for each in named:
            assert each == "make static" or (ROOT / each).is_file(), f"{what}: {each}"


def test_every_attacker_has_promises() -> None:
    for part in re.split(r"(?m)^## ", PAGE)[1:]:
        title = part.splitlines()[0]
        assert title == "What is not promised" or "| Promise |" in part, title


def test_it_is_found_from_the_first_pages() -> None:
    for page in ("README.md", "SECURITY.md", "docs/README.md"):
        assert "reference/security.md" in (ROOT / page).read_text(encoding="utf-8"), page
