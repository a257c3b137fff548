"""Who calls: an integration, with its token or with key and secret; an installed app."""

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed

from integrations.models import AppAccessToken, Credential
from otms.accounts.authentication import bearer
from otms.accounts.roles import OF_APPS
from otms.address import caller_address

# What an integration may call by itself, about itself.
OWN = frozenset(
    {
        "get:integration",
        "get:integration:catalogue",
        "get:integration:objects",
        "get:integration:object",
        "get:integration:logs",
        "get:integration:requestLogs",
        "get:integration:tasks",
        "test:mapping",
        "suggest:mapping",
        "import:data",
        "get:integration:task",
        "test:fileTemplate:mapping",
        "upload:integration:file",
        "get:integration:file",
        "receive:integration:email",
        "receive:transportOrder:mail",
        "get:integration:email",
    }
)


class IntegrationCaller:
    """An integration as the caller of the API."""

    is_authenticated = is_active = True
    is_person = False

    def __init__(self, credential: Credential) -> None:
        self.integration = credential.integration
        self.platform = credential.integration.platform
        self.pk = credential.integration_id  # the same whichever of its credentials it shows
        self.credential = credential

    def __str__(self) -> str:
        return f"integration {self.integration.name}"

    def allows(self, permission: str) -> bool:
        return permission in OWN and self.credential.allows(permission)

    def refused(self, permission: str) -> str:
        """Why a call is refused, when there is more to say than that it is."""
        if permission not in OWN:
            return ""
        return f"This credential has no scope {permission}; make one that has, or send another."


class CredentialAuthentication(BaseAuthentication):
    """`Authorization: Bearer otms_int_...`, or `X-API-Key` with `X-API-Secret`."""

    def authenticate(self, request: Any) -> tuple[Any, Any] | None:
        token = bearer(request)
        key, secret = request.headers.get("X-API-Key"), request.headers.get("X-API-Secret")
        if token:
            found = Credential.objects.all().with_token(token)
        elif key and secret:
            found = Credential.objects.all().with_pair(key, secret)
        elif key or secret:
            missing = "X-API-Secret" if key else "X-API-Key"
            raise AuthenticationFailed(
                f"{missing} is missing; X-API-Key and X-API-Secret go together."
            )
        else:
            return None
        if found is None:
            raise AuthenticationFailed("This credential is unknown; generate a new one.")
        if ended := found.ended:
            raise AuthenticationFailed(f"The credential {found} {ended}; generate a new one.")
        found.used(caller_address(request))
        return IntegrationCaller(found), found

    def authenticate_header(self, request: Any) -> str:
        return 'Bearer realm="otms"'


class AppCaller:
    """The system behind an installed app as the caller of the API."""

    is_authenticated = is_active = True
    is_person = False

    def __init__(self, token: AppAccessToken) -> None:
        self.platform = token.installation.platform
        self.pk = token.installation_id
        self.permissions = OF_APPS.intersection(token.permissions)
        self.name = token.installation.name

    def __str__(self) -> str:
        return f"app {self.name}"

    def allows(self, permission: str) -> bool:
        return permission in self.permissions


class AppAuthentication(BaseAuthentication):
    """`Authorization: Bearer otms_app_...`"""

    def authenticate(self, request: Any) -> tuple[Any, Any] | None:
        token = bearer(request)
        if not token.startswith(AppAccessToken.PREFIX):
            return None
        found = AppAccessToken.valid(token)
        if found is None:
            raise AuthenticationFailed("This access token is unknown, or its app was uninstalled.")
        return AppCaller(found), found

    def authenticate_header(self, request: Any) -> str:
        return 'Bearer realm="otms"'
