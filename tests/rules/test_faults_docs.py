"""The page of faults names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/faults.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)


def test_every_fault_names_a_test_that_is_there() -> None:
    faults = [row for row in ROWS if row[0] not in ("Fault", "---")]
    assert len(faults) >= 39
    for fault, _, shown in faults:
        if shown == "not tested":
            continue
        for test in shown.split(", "):
            path, _, name = test.strip("`").partition("::")
            assert (ROOT / path).is_file(), fault
            assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{fault}: {test}"
