"""The API of credentials: make one, see which there are and when they were used, revoke one."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.timezone import now
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from integrations.api import credential_serializers as wire
from integrations.api.authentication import OWN
from integrations.api.living import LivingIntegrations
from integrations.api.refusals import WARNINGS, overlap_cut
from integrations.models import Credential
from otms.api.errors import Conflict
from otms.api.permissions import may
from otms.api.router import EXAMPLE_ID, route
from otms.api.views import PlatformViewSet

TOTAL = {"totalResults": serializers.IntegerField()}


class CredentialsViewSet(LivingIntegrations):
    """What outside systems show to act as an integration, integration by integration."""

    @route(
        "POST",
        "integration/generate/credentials",
        "generate:integration:credentials",
        takes=wire.GenerateCredentialsSerializer,
        answers={"credentials": wire.CredentialsSerializer, **WARNINGS},
        example={"integrationId": EXAMPLE_ID, "name": "ERP", "keepPreviousFor": "PT24H"},
    )
    def generate(self, request: Any) -> Response:
        """A new pair and token, shown once; the older pair ends now, or after `keepPreviousFor`."""
        given = dict(self.read(wire.GenerateCredentialsSerializer).validated_data)
        integration = self.record(given.pop("integration_id"))
        keep, lives = given.pop("keep_previous_for", None), given.pop("expires_in", None)
        kept, secrets = Credential.generate(
            integration,
            revoke_older_at=now() + keep if keep else None,
            expires_at=self._end(now() + lives if lives else None),
            **{**given, "scopes": self._scopes(given.get("scopes"))},
        )
        shown = wire.shown(kept)
        first = {"id": kept.pk, "integrationId": integration.pk, **secrets}
        rest = {key: shown[key] for key in ("createdAt", "expiresAt", "name", "scopes", "rate")}
        cut = overlap_cut("keepPreviousFor", kept.cut_short)
        return Response({"credentials": {**first, **rest}, **cut})

    def _scopes(self, wanted: list[str] | None) -> list[str] | None:
        """The scopes that are wanted, or all, as far as the caller may make these calls."""
        beyond = sorted(name for name in wanted or OWN if not may(self.request, name))
        if not beyond:
            return wanted
        if wanted or len(beyond) == len(OWN):
            text = f"With what you show you may not call {', '.join(beyond)} yourself."
            raise ValidationError({"scopes": text}, "beyond_yours")
        return sorted(OWN - set(beyond))

    def _end(self, wanted: datetime | None) -> datetime | None:
        """The end that is wanted; what a token for some calls makes does not outlive it."""
        shown: Any = self.request.auth
        if getattr(shown, "permissions", None) is None:
            return wanted
        return min(filter(None, (wanted, shown.expires_at)), default=None)

    @route(
        "GET",
        "integration/<id:id>/credentials/<str:offset>/<str:amount>",
        "get:integration:credentials",
        answers={"credentials": wire.CredentialSerializer(many=True), **TOTAL},
    )
    def list(self, request: Any, id: UUID, offset: str, amount: str) -> Response:
        """The credentials of an integration, newest first, those that are over too."""
        newest = self.record(id).credentials.order_by("-created_at", "id")
        return Response(
            self.paged(
                "credentials",
                newest,
                offset,
                amount,
                lambda page: [wire.shown(each) for each in page],
            )
        )


class CredentialViewSet(PlatformViewSet):
    """One credential."""

    model = Credential
    noun = "credential"
    group = "Integration"

    @route(
        "DELETE",
        "integration/credential/<id:id>",
        "delete:integration:credential",
        answers={"credential": wire.CredentialSerializer},
    )
    def destroy(self, request: Any, id: UUID) -> Response:
        """Revoke one: it is refused from now on, and stays in the list."""
        credential = self.record(id)
        if not credential.revoke():
            raise Conflict("This credential was revoked before.")
        return Response({"credential": wire.shown(self.record(id))})


viewsets = [CredentialsViewSet, CredentialViewSet]
