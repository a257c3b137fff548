"""The staff's pages: one file for each noun. They look, and call the verbs of the models."""

from integrations.admin import (
    alert,
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
    "alert",
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
