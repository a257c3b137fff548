"""A person's second factor over the API: turn it on and off, and get new recovery codes."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.response import Response

from otms.accounts import proof
from otms.accounts.models import SecondFactor, User
from otms.accounts.second_factor import AlreadyOn
from otms.accounts.serializers import (
    BegunSerializer,
    CodeSerializer,
    PasswordSerializer,
    PersonSerializer,
    ProofSerializer,
    SecondFactorSerializer,
)
from otms.address import caller_address
from otms.api.errors import Conflict
from otms.api.router import route
from otms.api.views import PlatformViewSet

STATE = {"secondFactor": SecondFactorSerializer}
CODES = {**STATE, "recoveryCodes": serializers.ListField(child=serializers.CharField())}
OFF = "The second factor is off; POST /api/user/secondFactor begins one."


class SecondFactorViewSet(PlatformViewSet):
    """The own second factor; an administrator takes it from who lost the phone."""

    model = SecondFactor
    noun = "secondFactor"
    group = "User"

    @route(
        "GET", "user/secondFactor", "get:user:secondFactor", answers=STATE, own=True, by_hand=True
    )
    def retrieve(self, request: Any) -> Response:
        """Whether it is on, and how many recovery codes are left."""
        return self._state()

    @route(
        "POST",
        "user/secondFactor",
        "begin:user:secondFactor",
        takes=PasswordSerializer,
        example={"password": "correct horse battery staple"},
        answers={"secondFactor": BegunSerializer},
        shown_once=True,
        own=True,
        by_hand=True,
    )
    def begin(self, request: Any) -> Response:
        """Begin with a second factor; it is off until a first code confirms it."""
        self._shows("password", self.read(PasswordSerializer).validated_data)
        try:
            begun = SecondFactor.begin(request.user)
        except AlreadyOn:
            raise Conflict(
                "There is a second factor already; POST /api/user/secondFactor/remove turns it off."
            ) from None
        return Response({"secondFactor": {"secret": begun.secret, "uri": begun.uri}})

    @route(
        "POST",
        "user/secondFactor/confirm",
        "confirm:user:secondFactor",
        takes=CodeSerializer,
        example={"otp": "123456"},
        answers=CODES,
        shown_once=True,
        own=True,
        by_hand=True,
    )
    def confirm(self, request: Any) -> Response:
        """Turn it on with a first code; every other session of the person ends."""
        given = self.read(CodeSerializer).validated_data
        begun = self.records.filter(user=request.user, confirmed_at=None).first()
        if begun is None:
            raise Conflict("No second factor was begun; POST /api/user/secondFactor begins one.")
        codes = request.auth.turns_on(begun, given["otp"])
        if codes is None:
            text = "This is no code of this moment; look whether the phone's clock is right."
            raise ValidationError({"otp": text}, "wrong_code")
        return self._state(recoveryCodes=codes)

    @route(
        "POST",
        "user/secondFactor/recoveryCodes",
        "generate:user:recoveryCodes",
        takes=ProofSerializer,
        example={"password": "correct horse battery staple", "otp": "123456"},
        answers=CODES,
        own=True,
        shown_once=True,
        by_hand=True,
    )
    def renew(self, request: Any) -> Response:
        """New recovery codes, shown once; those that there were are good for nothing."""
        factor = self._mine()
        self._shows("password or the code", self.read(ProofSerializer).validated_data)
        return self._state(recoveryCodes=factor.renew_recovery_codes())

    @route(
        "POST",
        "user/secondFactor/remove",
        "remove:user:secondFactor",
        takes=ProofSerializer,
        example={"password": "correct horse battery staple", "otp": "123456"},
        answers=STATE,
        shown_once=True,
        own=True,
        by_hand=True,
    )
    def remove(self, request: Any) -> Response:
        """Turn it off, with password and code."""
        factor = self._mine()
        self._shows("password or the code", self.read(ProofSerializer).validated_data)
        factor.remove("remove:user:secondFactor")
        return self._state()

    @route(
        "DELETE",
        "user/<id:id>/secondFactor",
        "delete:user:secondFactor",
        answers={"user": PersonSerializer},
        by_hand=True,
    )
    def destroy(self, request: Any, id: UUID) -> Response:
        """Turn off another's, who lost the phone; not of one who may more than you."""
        people = User.objects.filter(platform=self.platform)
        with transaction.atomic():
            person = self.record(id, people)
            if person == request.user:
                raise Conflict("Your own takes a code: POST /api/user/secondFactor/remove.")
            if not request.user.may_change(person):
                raise PermissionDenied("Changing this person is not among your permissions.")
            factor = SecondFactor.of(person)
            if factor is None:
                raise Conflict("This person has no second factor.")
            factor.remove("delete:user:secondFactor")
        return Response({"user": PersonSerializer(person).data})

    def _mine(self) -> SecondFactor:
        factor = SecondFactor.of(self.request.user)  # type: ignore[arg-type]
        if factor is None:
            raise Conflict(OFF)
        return factor

    def _shows(self, what: str, given: dict[str, str]) -> None:
        shown = {"password": given["password"]}
        if "otp" in given:
            shown["code"] = given["otp"]
        if not proof.shows(self.request.user, caller_address(self.request), **shown):  # type: ignore[arg-type]
            raise PermissionDenied(f"The {what} is wrong.")

    def _state(self, **more: Any) -> Response:
        person: Any = self.request.user
        factor = SecondFactor.of(person)
        state = {
            "enabled": factor is not None,
            "confirmedAt": factor.confirmed_at if factor else None,
            "recoveryCodesLeft": factor.codes_left if factor else 0,
            "wanted": settings.OTMS_REQUIRE_SECOND_FACTOR == "staff" and person.is_staff,
        }
        return Response({"secondFactor": SecondFactorSerializer(state).data, **more})
