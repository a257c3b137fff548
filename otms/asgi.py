"""The ASGI application, for uvicorn, granian and their like."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "otms.settings")
application = get_asgi_application()
