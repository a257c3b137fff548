"""Personal tokens over the API: a person makes, sees and revokes them."""

from collections import defaultdict
from functools import cached_property
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.response import Response

from otms.accounts.models import PersonalToken, User
from otms.accounts.serializers import (
    NewTokenSerializer,
    PersonalTokenSerializer,
    TokenRequestSerializer,
)
from otms.api.router import actions, route, router
from otms.api.views import PlatformViewSet
from otms.spelling import did_you_mean


def offered(person: User) -> list[str]:
    """The names of the calls that a token of this person may be good for."""
    routes = (each for each in router.routes() if not each.public and not each.by_hand)
    return sorted({each.name for each in routes if each.own or person.allows(each.name)})


def offered_in_words(person: User) -> dict[str, list[tuple[str, str]]]:
    """The same by what they are about, each with what the call says of itself."""
    names, found = set(offered(person)), defaultdict[str, dict[str, str]](dict)
    for viewset in router.viewsets:
        for action, each in actions(viewset).items():
            if each.name in names:
                said = (getattr(viewset, action).__doc__ or each.name).strip().splitlines()[0]
                found[viewset.group].setdefault(each.name, said)
    return {group: sorted(calls.items()) for group, calls in sorted(found.items())}


class TokenViewSet(PlatformViewSet):
    """Tokens for people's own scripts; a token makes no token."""

    model = PersonalToken
    noun = "token"
    group = "User"

    @cached_property
    def records(self) -> Any:
        return super().records.select_related("user")

    @route(
        "POST",
        "user/token",
        "create:user:token",
        takes=TokenRequestSerializer,
        example={
            "name": "nightly export",
            "permissions": ["get:transportOrders"],
            "expiresIn": "P30D",
        },
        answers={"token": NewTokenSerializer},
        own=True,
        shown_once=True,
        by_hand=True,
    )
    def create(self, request: Any) -> Response:
        """A token for the own scripts, shown this once."""
        given = self.read(TokenRequestSerializer).validated_data
        permissions = self._permissions(given.get("permissions"))
        lifetime = given.get("expires_in", PersonalToken.LIFETIME)
        kept, text = PersonalToken.create(request.user, given["name"], permissions, lifetime)
        return Response({"token": {**PersonalTokenSerializer(kept).data, "token": text}})

    @route(
        "GET",
        "user/<id:id>/tokens/<str:offset>/<str:amount>",
        "get:user:tokens",
        answers={
            "tokens": PersonalTokenSerializer(many=True),
            "totalResults": serializers.IntegerField(),
        },
        own=True,
    )
    def tokens(self, request: Any, id: UUID, offset: str, amount: str) -> Response:
        """The tokens of a person: oneself, or with this permission anybody."""
        if not User.objects.filter(platform=self.platform, pk=id).exists():
            raise NotFound(f"There is no user with the id {id}.")
        if id != request.user.pk and not request.user.allows("get:user:tokens"):
            raise PermissionDenied("The tokens of others are not among your permissions.")
        found = self.records.filter(user=id).order_by("-created_at", "id")
        return Response(self.paged("tokens", found, offset, amount, _shown))

    @route(
        "DELETE",
        "user/token/<id:id>",
        "delete:user:token",
        answers={"token": PersonalTokenSerializer},
        own=True,
    )
    def destroy(self, request: Any, id: UUID) -> Response:
        """Revoke a token: one's own, or with this permission that of anybody who may no more."""
        token = self.record(id)
        caller = request.user
        others = caller.allows("delete:user:token")
        if token.user != caller and not (others and caller.may_change(token.user)):
            raise PermissionDenied("Revoking this token is not among your permissions.")
        token.revoke()
        token.refresh_from_db()
        return Response({"token": PersonalTokenSerializer(token).data})

    def _permissions(self, names: list[str] | None) -> list[str] | None:
        """What the token shall be good for, each a call that its person may make now."""
        if names is None:
            return None
        known = offered(self.request.user)  # type: ignore[arg-type]
        wrong = {
            place: _why_not(name, known) for place, name in enumerate(names) if name not in known
        }
        if wrong:
            raise ValidationError({"permissions": wrong}, "not_allowed")  # type: ignore[dict-item]
        return sorted(set(names))


def _why_not(name: str, known: list[str]) -> str:
    """Why nobody has such a token, or not this person."""
    calls = {each.name: each for each in router.routes() if not each.public}
    if name not in calls:
        return f"{name!r} is no call that a token of yours may make.{did_you_mean(name, known)}"
    if calls[name].by_hand:
        return f"{name!r} is no call that a token may make: it takes a person who logged in."
    return f"{name!r} is no call that a token of yours may make: your role does not allow it."


def _shown(tokens: Any) -> Any:
    return PersonalTokenSerializer(tokens, many=True).data
