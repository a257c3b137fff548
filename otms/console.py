"""How the admin looks, and the scripts that every page of it has."""

from collections.abc import Callable
from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

# Each says in its first lines what it is for: integrations/static/integrations/<name>.js.
SCRIPTS = ("live", "copy", "names", "asks", "zone", "keys")


def _script(name: str) -> Callable[[Any], str]:
    return lambda request: static(f"integrations/{name}.js")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "OTMS",
    "SITE_HEADER": "OTMS",
    "SITE_SUBHEADER": _("Integration engine"),
    "SITE_SYMBOL": "conversion_path",
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "ENVIRONMENT": None,
    "SIDEBAR": {"navigation": "integrations.admin.navigation.sidebar"},
    "ACCOUNT": {
        "navigation": [
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
            {"title": _("Second factor"), "link": reverse_lazy("second_factor")},
        ]
    },
    "DASHBOARD_CALLBACK": "integrations.admin.overview.overview",
    "SCRIPTS": [_script(name) for name in SCRIPTS],
}
