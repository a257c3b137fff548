"""What differs between two snapshots of one record."""

from collections.abc import Iterator
from typing import Any

# Saving moves it even when nothing else moved: it is no change by itself.
UNCOUNTED = frozenset({"updatedAt"})
MOST = 200


def changed_fields(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The paths that differ, such as `status` or `consignments[0].goods[1].quantity`.

    At most 200; empty when nothing changed.
    """
    found = []
    for path in _differences(before, after, ""):
        found.append(path)
        if len(found) == MOST:
            break
    return found


def _differences(before: Any, after: Any, path: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            if key not in UNCOUNTED and (key in before) == (key in after):
                yield from _differences(before[key], after[key], f"{path}.{key}" if path else key)
            elif key not in UNCOUNTED:
                yield f"{path}.{key}" if path else key
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            if index < min(len(before), len(after)):
                yield from _differences(before[index], after[index], f"{path}[{index}]")
            else:
                yield f"{path}[{index}]"
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield path
