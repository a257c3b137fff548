"""Every address: the API's come from the routers, the admin's from the admin."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from integrations.api.alerts import viewsets as alert_viewsets
from integrations.api.apps import viewsets as app_viewsets
from integrations.api.catalogue import viewsets as catalogue_viewsets
from integrations.api.credentials import viewsets as credential_viewsets
from integrations.api.email import viewsets as email_viewsets
from integrations.api.explain import viewsets as explain_viewsets
from integrations.api.files import viewsets as file_viewsets
from integrations.api.history import viewsets as history_viewsets
from integrations.api.imports import viewsets as import_viewsets
from integrations.api.integration import viewsets as integration_viewsets
from integrations.api.language import FiltersSchema, MappingSchema
from integrations.api.messages import viewsets as message_viewsets
from integrations.api.metrics import metrics
from integrations.api.object import viewsets as object_viewsets
from integrations.api.privacy import viewsets as privacy_viewsets
from integrations.api.replay import viewsets as replay_viewsets
from integrations.api.signing import viewsets as signing_viewsets
from integrations.api.trials import viewsets as trial_viewsets
from otms.accounts import login_pages, passwords
from otms.accounts.audit_views import AuditViewSet
from otms.accounts.second_factor_views import SecondFactorViewSet
from otms.accounts.token_views import TokenViewSet
from otms.accounts.views import PeopleViewSet, SessionViewSet, UserViewSet
from otms.api.limits import ByAddress
from otms.api.reference import SchemaView, docs
from otms.api.router import router
from otms.orders.views import (
    BusinessViewSet,
    ConsignmentViewSet,
    EventViewSet,
    TransportOrderViewSet,
)
from otms.probes import healthz, readyz

router.register(
    UserViewSet,
    SessionViewSet,
    SecondFactorViewSet,
    TokenViewSet,
    PeopleViewSet,
    AuditViewSet,
    TransportOrderViewSet,
    ConsignmentViewSet,
    BusinessViewSet,
    EventViewSet,
    *integration_viewsets,
    *signing_viewsets,
    *trial_viewsets,
    *history_viewsets,
    *catalogue_viewsets,
    *credential_viewsets,
    *import_viewsets,
    *object_viewsets,
    *explain_viewsets,
    *replay_viewsets,
    *file_viewsets,
    *message_viewsets,
    *alert_viewsets,
    *email_viewsets,
    *app_viewsets,
    *privacy_viewsets,
)


def favicon(request: HttpRequest) -> HttpResponseRedirect:
    """Browsers ask for it here, whatever a page says."""
    return HttpResponseRedirect(static("integrations/favicon.svg"))


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", favicon),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path(
        "api/schema",
        SchemaView.as_view(
            permission_classes=[], authentication_classes=[], throttle_classes=[ByAddress]
        ),
    ),
    path("api/schema/mapping", MappingSchema.as_view()),
    path("api/schema/filters", FiltersSchema.as_view()),
    path("api/docs", docs),
    path("api/", include(router.urls)),
    path("admin/language", set_language, name="set_language"),
    path("admin/", include(login_pages.urlpatterns)),
    path("admin/", include(passwords.urlpatterns)),
    path("admin/", admin.site.urls),
]

handler400 = "otms.api.errors.bad_request"
handler404 = "otms.api.errors.not_found"
handler500 = "otms.api.errors.server_error"
