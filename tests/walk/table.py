"""Who may what, as docs/reference/permissions.md says it: written by hand, and held against all."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "permissions.md"
YES, OWN, NO = "yes", "own", "-"


def sections() -> dict[str, list[list[str]]]:
    """The rows of permissions below each heading, cell by cell."""
    found: dict[str, list[list[str]]] = {}
    for part in re.split(r"^##+ ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        lines = re.findall(r"^\| `(.+?)`(.*) \|$", text, re.MULTILINE)
        found[heading] = [[name, *re.findall(r"\| (\S+)", rest)] for name, rest in lines]
    return found


def of_roles() -> dict[str, dict[str, str]]:
    """For each permission, and each role: yes, own, or not at all."""
    (heads,) = set(re.findall(r"^\| Permission \| (.+ .+) \|$", PAGE.read_text(), re.MULTILINE))
    roles = heads.split(" | ")
    rows = [row for found in sections().values() for row in found if len(row) > 1]
    return {name: dict(zip(roles, cells, strict=True)) for name, *cells in rows}


def of_credentials() -> set[str]:
    return {name for (name,) in sections()["Integration credentials"]}


def of_apps() -> set[str]:
    return {name for name, *_ in sections()["Records"]}
