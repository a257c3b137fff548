"""Every page of the docs is found from the index, and no link leads nowhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INDEX = ROOT / "docs" / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
KINDS = ("tutorial", "how-to", "reference", "decisions")


def text_of(page: Path) -> str:
    """What is read: without code, in which brackets mean something else."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", lambda found: re.sub(r"[\[\]()]", "", found[0]), text)


def links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """The links to files of ours: as written, the file, the heading in it."""
    for written in re.findall(r"\]\(([^()\s]+)\)", text_of(page)):
        if "://" not in written and not written.startswith("mailto:"):
            path, _, heading = written.partition("#")
            yield written, (page.parent / path).resolve() if path else page, heading


def anchors(page: Path) -> set[str]:
    """The headings as they are linked to."""
    headings = re.findall(r"^#+ +(.+?) *$", text_of(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {each.replace(" ", "-") for each in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = [
        written
        for written, file, heading in links(page)
        if not file.exists() or (heading and file.suffix == ".md" and heading not in anchors(file))
    ]
    assert dead == []


def test_every_page_is_reached_from_the_index() -> None:
    seen, open_pages = {INDEX}, [INDEX]
    while open_pages:
        found = {file for _, file, _ in links(open_pages.pop()) if file.suffix == ".md"} - seen
        seen |= found
        open_pages += found
    assert [
        str(page) for page in PAGES if page.is_relative_to(INDEX.parent) and page not in seen
    ] == []


def test_the_index_has_four_kinds_and_each_page_in_its_own() -> None:
    sections = re.split(r"^## ", INDEX.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    named = {section.split(":")[0].lower(): section for section in sections}
    assert tuple(named) == KINDS
    for kind in KINDS[:-1]:
        for page in (INDEX.parent / kind).glob("*.md"):
            assert f"({kind}/{page.name})" in named[kind], f"docs/README.md leaves out {page.name}"
    decisions = (INDEX.parent / "decisions" / "README.md").read_text(encoding="utf-8")
    for page in (INDEX.parent / "decisions").glob("0*.md"):
        assert f"({page.name})" in decisions


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n[gone](gone.md) [no heading](#b) [here](#a-page) [out](https://x.y)\n"
    )
    assert [(written, file.exists()) for written, file, _ in links(page)] == [
        ("gone.md", False),
        ("#b", True),
        ("#a-page", True),
    ]
    assert anchors(page) == {"a-page"}
