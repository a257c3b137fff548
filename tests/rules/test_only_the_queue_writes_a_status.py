"""The rule of the queue: an object's status is written in models/queue.py and object.py alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The queue itself, and the nouns whose status is another one.
MAY = {
    "integrations/models/queue.py",
    "integrations/models/object.py",
    "integrations/models/status.py",
    "integrations/models/email.py",
    "integrations/models/installation.py",
    "integrations/models/task.py",
}
WRITES = {
    *("update", "create", "get_or_create", "update_or_create", "bulk_update", "IntegrationObject"),
}


def violations(source: str) -> Iterator[int]:
    """The lines that write a status, in a module that knows the models."""
    if "integrations.models" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr == "status":
            if isinstance(node.ctx, ast.Store):
                yield node.lineno
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            texts = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
            named = any(keyword.arg == "status" for keyword in node.keywords)
            listed = name in ("bulk_update", "setattr", "execute") and any(
                isinstance(text, str) and "status" in text for text in texts
            )
            if (name in WRITES and named) or listed:
                yield node.lineno


@pytest.mark.parametrize(
    "planted",
    [
        "obj.status = 'QUEUE'",
        "IntegrationObject.objects.filter(pk=1).update(status='QUEUE')",
        "IntegrationObject(status='ERROR')",
        "IntegrationObject.objects.bulk_update(rows, ['status'])",
        "setattr(obj, 'status', 'QUEUE')",
        "cursor.execute('UPDATE integrations_integrationobject SET status = 1')",
    ],
)
def test_a_planted_status_is_found(planted: str) -> None:
    assert list(violations(f"from integrations.models import IntegrationObject\n{planted}")) == [2]


def test_only_the_queue_writes_a_status() -> None:
    files = [
        path
        for folder in ("integrations", "otms")
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts
    ]
    assert len(files) > 50
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in files
        if str(path.relative_to(ROOT)) not in MAY
        for line in violations(path.read_text(encoding="utf-8"))
    ]
    assert found == []
