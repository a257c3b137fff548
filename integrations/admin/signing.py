"""The page on which an integration's data sources get the secrets that they sign with."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from integrations import data_source, definition, signing_secret
from integrations.core import signing
from integrations.models import DataSource, Stale
from otms.accounts.asking import act
from otms.accounts.platform_admin import PlatformAdmin

# How long the signing secret before goes on, in hours: as a person chooses it.
OVERLAPS = {"0": 0, "1": 1, "24": 24, "168": 7 * 24, "720": 30 * 24}
OVERLAP_WORDS = {
    "0": _("stops now"),
    "1": _("signs for another hour"),
    "24": _("signs for another day"),
    "168": _("signs for another 7 days"),
    "720": _("signs for another 30 days"),
}
USUAL_OVERLAP = 24


class SigningPage(PlatformAdmin):
    """A page of an integration: how its data sources sign, and a new secret for one."""

    @act("generate:integration:signingSecret", _("Signing"), icon="signature")
    def signing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How its data sources sign; POST makes a new secret and shows it this once."""
        return never_cache(self._signing)(request, object_id)

    def _signing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        integration = self.found(request, object_id)
        secret, cut = "", None
        if request.method == "POST":
            try:
                __, secret, cut = signing_secret.renew(
                    integration,
                    request.POST.get("source"),
                    scheme="v1a" if request.POST.get("scheme") == "v1a" else "v1",
                    keep=timedelta(hours=OVERLAPS.get(request.POST.get("keep", ""), USUAL_OVERLAP)),
                )
            except (definition.Invalid, definition.Owned, Stale, ValidationError):
                raise Http404 from None
        public = signing.public_key(secret)
        return self.page(
            request,
            "admin/integrations/signing.html",
            gettext("Signing of {name}").format(name=integration),
            integration,
            secret="" if public else secret,
            public_key=public,
            cut_short=signing_secret.cut_short(cut) if cut else "",
            overlaps=OVERLAP_WORDS,
            usual_overlap=str(USUAL_OVERLAP),
            kept_by=integration.kept_by,
            sources=[_signer(each) for each in integration.data_sources.order_by("position")],
        )


def _signer(source: DataSource) -> dict[str, Any]:
    """Whether and how a data source signs, for its page."""
    told = data_source.told(source)
    return {
        "source": source,
        "signs": source.signs,
        "public_keys": told.get("publicKey", "").split(),
        "is_signed": "secret" in data_source.held(source),
        "until": signing_secret.overlap(source),
    }
