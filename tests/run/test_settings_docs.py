"""Every variable of the environment is explained, and read in one place."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for folder in ("otms", "integrations")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "migrations" not in path.parts
]
READ = re.compile(
    r"\benv\.(?:text|flag|number|amount|days|words|level|rate|origins|address|folder)\(\s*\"([A-Z0-9_]+)\""
)


def read_variables() -> list[str]:
    return sorted({name for path in SOURCES for name in READ.findall(path.read_text())})


def of_compose() -> set[str]:
    """What `.env` may hold for docker-compose.yml alone."""
    text = (ROOT / "docker-compose.yml").read_text()
    return set(re.findall(r"\$\{([A-Z_]+)", text)) - set(read_variables())


def explained() -> list[str]:
    page = (ROOT / "docs/reference/settings.md").read_text()
    return re.findall(r"^### ([A-Z0-9_]+)$", page, re.MULTILINE)


def test_the_page_and_the_code_name_the_same_variables() -> None:
    assert len(read_variables()) > 15
    assert sorted(explained()) == sorted({*read_variables(), *of_compose()})


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL"])
def test_the_example_names_what_a_deployment_must_set(name: str) -> None:
    assert f"\n{name}=" in (ROOT / ".env.example").read_text()


def test_the_example_names_only_what_there_is() -> None:
    named = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert set(named) <= {*read_variables(), *of_compose()}


def test_only_one_file_reads_the_environment() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        if path != ROOT / "otms" / "env.py"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"\benviron\b|\bgetenv\b", line) and "DJANGO_SETTINGS_MODULE" not in line
    ]
    assert found == []
