"""The WSGI application, for gunicorn, waitress and their like."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "otms.settings")
application = get_wsgi_application()
