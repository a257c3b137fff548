"""The integrations that a call may be about: those that live, to their caller."""

from functools import cached_property
from typing import Any

from integrations.models import Integration
from otms.api.views import PlatformViewSet


class LivingIntegrations(PlatformViewSet):
    """Integrations that are not deleted; with its credential, one sees itself alone."""

    model = Integration
    noun = "integration"
    group = "Integration"

    @cached_property
    def records(self) -> Any:
        living = super().records.living()
        own = getattr(self.request.user, "integration", None)
        return living.filter(pk=own.pk) if own else living
