"""The staff's pages: one file for each noun. They look, and call the verbs of the models."""

from integrations.admin import entity, file, integration, log, queue, schedule, task

__all__ = ["entity", "file", "integration", "log", "queue", "schedule", "task"]
