"""The staff's pages: one file for each noun. They look, and call the verbs of the models."""

from integrations.admin import (
    email,
    entity,
    file,
    installation,
    integration,
    log,
    message,
    queue,
    schedule,
    task,
)

__all__ = [
    "email",
    "entity",
    "file",
    "installation",
    "integration",
    "log",
    "message",
    "queue",
    "schedule",
    "task",
]
