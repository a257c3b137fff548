"""The integrations that a call may be about: those that live, to their caller."""

from functools import cached_property
from typing import Any

from rest_framework import serializers

from integrations.models import Integration
from otms.api.views import PlatformViewSet

TOTAL = {"totalResults": serializers.IntegerField()}


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


class WholeIntegrations(LivingIntegrations):
    """The same, each with its gate and its data sources."""

    @cached_property
    def records(self) -> Any:
        return super().records.select_related("gate").prefetch_related("data_sources")
