"""The WSGI application of the plain project."""

from django.core.wsgi import get_wsgi_application

from tests.benchmarks.plain.celery import app  # the tasks are its own

__all__ = ["app", "application"]

application = get_wsgi_application()
