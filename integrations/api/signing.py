"""The API of signing secrets: what a receiver knows a delivery of ours by."""

from typing import Any

from rest_framework.response import Response

from integrations import definition, signing_secret
from integrations.api import serializers as wire
from integrations.api.living import WholeIntegrations
from integrations.api.refusals import WARNINGS, overlap_cut, owned_elsewhere, refuse
from integrations.core import signing
from otms.api.router import EXAMPLE_ID, route


class SigningViewSet(WholeIntegrations):
    """The secrets that data sources sign with."""

    @route(
        "POST",
        "integration/generate/signingSecret",
        "generate:integration:signingSecret",
        takes=wire.GenerateSigningSecretSerializer,
        answers={"signing": wire.SigningSecretSerializer, **WARNINGS},
        example={
            "integrationId": EXAMPLE_ID,
            "dataSourceId": EXAMPLE_ID,
            "keepPreviousFor": "PT24H",
        },
    )
    def generate_signing_secret(self, request: Any) -> Response:
        """A new signing secret of a data source, shown once; the one before it signs on a while."""
        given = self.read(wire.GenerateSigningSecretSerializer).validated_data
        integration = self.record(given["integration_id"])
        try:
            with owned_elsewhere():
                source, secret, cut = signing_secret.renew(
                    integration,
                    given["data_source_id"],
                    scheme=given["scheme"],
                    keep=given["keep_previous_for"],
                )
        except definition.Invalid as error:
            refuse(error.problems)
        public = signing.public_key(secret)
        return Response(
            {
                "signing": {
                    "dataSourceId": source.pk,
                    "secret": None if public else secret,
                    "publicKey": public or None,
                    "previousSecretUntil": (source.settings or {}).get("previousSecretUntil"),
                },
                **overlap_cut("previousSecretUntil", signing_secret.cut_short(cut) if cut else ""),
            }
        )


viewsets = [SigningViewSet]
