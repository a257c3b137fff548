"""The staff's pages: one file for each noun. They look, and call the verbs of the models."""

from integrations.admin import entity, integration, log, queue, schedule

__all__ = ["entity", "integration", "log", "queue", "schedule"]
