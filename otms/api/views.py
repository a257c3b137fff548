"""What every endpoint does the same way."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, NoReturn
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import HttpResponse
from rest_framework.exceptions import (
    AuthenticationFailed,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    ParseError,
    UnsupportedMediaType,
    ValidationError,
)
from rest_framework.fields import DateTimeField
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from otms.api import intake, limits
from otms.api.errors import Conflict
from otms.api.idempotency import KeyedCall
from otms.api.paging import Page, total
from otms.api.parsers import FormParser
from otms.api.permissions import how_to_authenticate
from otms.api.router import Route, actions, methods_of
from otms.api.serializers import MOST_NAMED, WireSerializer
from otms.documents import shorten, timestamp

LONGEST_QUERY = 8000
TWICE = "Say this once: several values of one parameter are not looked for."


class RoutedViewSet(ViewSet):
    """Answers routes (router.py). It says itself whose records it shows: see PlatformViewSet."""

    group: str  # what its calls stand under in the reference; conf.py has the order
    tried_again = False
    is_in_transaction = False  # that of its Idempotency-Key
    left: Mapping[str, str] = MappingProxyType({})  # headers that tell what a caller may still ask
    # What there is to know stands in the schema, not behind OPTIONS.
    http_method_names = ["get", "post", "put", "delete", "head"]

    @property
    def route(self) -> Route | None:
        return actions(type(self)).get(self.action or "")

    @property
    def platform(self) -> Any:
        """The caller's platform."""
        return self.request.user.platform  # type: ignore[union-attr]

    def perform_authentication(self, request: Any) -> None:
        """Who calls, and may they call now? Asked before anything is looked at that they sent."""
        route = self.route
        # Who logs in because the old token is over may still send it along.
        if route is not None and route.public:
            self.left = limits.count_address(request, "public")
            return
        try:
            super().perform_authentication(request)
        except AuthenticationFailed:
            limits.count_address(request)
            raise
        if not self.tried_again:
            self.left = limits.count_caller(request, heavy=route is not None and route.heavy)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        for name, value in self.left.items():
            response.headers.setdefault(name, value)
        return super().finalize_response(request, response, *args, **kwargs)

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if len(request.META.get("QUERY_STRING", "")) > LONGEST_QUERY:
            raise ParseError(f"The parameters are longer than {LONGEST_QUERY} characters.")
        route = self.route
        if route is not None and route.query is None and request.query_params:
            self._refuse_parameters(request, route)
        if twice := [name for name, said in request.query_params.lists() if len(said) > 1]:
            raise ValidationError(dict.fromkeys(twice[:MOST_NAMED], TWICE), "twice")
        if route is not None and route.takes and not route.optional and request.stream is None:
            raise ParseError(f"The body is empty; send {self._what_it_takes(route)}.")
        if (coded := request.headers.get("Content-Encoding", "identity")).lower() != "identity":
            text = f"A body with Content-Encoding {coded[:40]!r} is not read; send it as it is."
            raise UnsupportedMediaType(coded, text)
        if self.route is not None and self.route.keyed and (call := KeyedCall.of(request)):
            # dispatch() looks for what answers this method after initial().
            setattr(self, request.method.lower(), partial(self.once, call))
        else:
            self._take_in()

    def _take_in(self) -> None:
        """Refuse what would be stored while there is no room for it."""
        what = self.route.takes_in if self.route else ""
        if what and (full := intake.refusal(self.request.user, what, self.request.auth)):
            raise full

    def _refuse_parameters(self, request: Any, route: Route) -> NoReturn:
        """A filter that is not heard would let everything through: it is refused instead."""
        text = "This call takes no parameters in its address."
        if route.method == "GET" and "post" in methods_of(request.path):
            text += " To search, POST an example to the same path."
        given = list(request.query_params)[:MOST_NAMED]
        raise ValidationError(dict.fromkeys(given, text), "unknown_field")

    def _what_it_takes(self, route: Route) -> str:
        if any(isinstance(each, FormParser) for each in self.request.parsers or ()):
            parts = " and ".join(f"`{name}`" for name in route.example or ())
            return f"{FormParser.media_type} with the part {parts}"
        return f"a JSON object, such as {json.dumps(route.example)}"

    def once(self, call: KeyedCall, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer a call with an Idempotency-Key: effect and answer are stored together."""
        # What is done beforehand may refuse today what was answered yesterday.
        if self.has_beforehand and (found := call.answered()):
            return found
        with self.beforehand(), transaction.atomic():
            self.is_in_transaction = True
            if found := call.begun():
                return found
            self._take_in()  # what was answered once is answered again, full or not
            return call.keep(getattr(self, self.action)(request, *args, **kwargs))

    def atomic(self) -> Any:
        """The transaction of what is saved; a call with an Idempotency-Key is in it already."""
        return transaction.atomic(savepoint=not self.is_in_transaction)

    @property
    def has_beforehand(self) -> bool:
        return type(self).beforehand is not RoutedViewSet.beforehand

    def beforehand(self) -> AbstractContextManager[None]:
        """Around the transaction of a call with an Idempotency-Key: what must not be done in it.

        The whole view runs in that transaction. One that asks the network does so in here before.
        """
        return nullcontext()

    def permission_denied(self, request: Any, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse a caller; who showed nothing is told what to show."""
        if not request.user.is_authenticated:
            raise NotAuthenticated(how_to_authenticate(request.headers.get("Authorization", "")))
        super().permission_denied(request, *args, **kwargs)

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise MethodNotAllowed(request.method, self._not_allowed(request))

    def _not_allowed(self, request: Any) -> str:
        """What this path answers to, and which call was probably meant."""
        here = [each for each in self.allowed_methods if each not in ("HEAD", "OPTIONS")]
        routes = [actions(type(self))[each] for each in self.action_map.values()]
        text = (
            f"There is no {request.method} {request.path[:200]}; it answers to {', '.join(here)}."
        )
        if request.method not in ("POST", "PUT", "PATCH"):
            return text
        if any(each.method == "PUT" and not each.keyed for each in routes):
            return f"{text} PUT changes what is sent and nothing else."
        without_id = request.path.rpartition("/")[0]
        if routes[0].path.endswith("<id:id>") and "put" in methods_of(without_id):
            return f"{text} Write PUT {without_id}, with the id in the body."
        return text

    def handle_exception(self, exc: Exception) -> Response:
        """Answer an error; a clash with what others write at this moment gets a second try.

        What the first try ran into, such as an id that is taken, its checks see the second time.
        """
        if isinstance(exc, IntegrityError) and not self.tried_again:
            self.tried_again, self.is_in_transaction = True, False
            try:
                self.initial(self.request, *self.args, **self.kwargs)
                handler = getattr(self, str(self.request.method).lower())
                return handler(self.request, *self.args, **self.kwargs)
            except Exception as error:  # noqa: BLE001 - as where the first try is made
                exc = error
        return super().handle_exception(exc)

    def read(self, serializer: type[WireSerializer], **kwargs: Any) -> WireSerializer:
        """The body, checked; a 400 that names each wrong field."""
        reader = serializer(
            data=self.request.data, context={"view": self, **kwargs.pop("context", {})}, **kwargs
        )
        reader.is_valid(raise_exception=True)
        return reader


class PlatformViewSet(RoutedViewSet):
    """Shows the records of the caller's platform, and of no other: another's id is a 404."""

    model: type[Any]
    noun: str  # what one record is called on the wire: "transportOrder"
    serializer: type[WireSerializer]
    searchable: dict[str, str] = {}  # key in the example, dots for nesting -> lookup

    @cached_property
    def records(self) -> Any:
        return self.model.objects.of(self.platform)

    def record(self, id: UUID | str | None, records: Any = None) -> Any:
        """The record with this id, or a 404 that says which one is missing."""
        try:
            found = (self.records if records is None else records).filter(pk=UUID(str(id))).first()
        except ValueError:
            found = None
        if found is None:
            raise NotFound(f"There is no {self.noun} with the id {str(id)[:80]!r}.")
        return found

    def body_id(self) -> str:
        """The `id` in the body of an update: PUT names its record there, not in the path."""
        if not isinstance(given := self.request.data.get("id"), str):
            raise ValidationError({"id": f"Say which {self.noun} to change: its id, as text."})
        return given

    def check_stored(self, record: Any) -> None:
        """Refuse an update made from an older copy: an `updatedAt` that is not the stored one."""
        if (given := self.request.data.get("updatedAt")) is None:
            return
        try:
            copied = DateTimeField().run_validation(given)
        except ValidationError as error:
            raise ValidationError({"updatedAt": error.detail}) from None
        if copied != record.updated_at:
            raise Conflict(
                f"This {self.noun} was changed by somebody else meanwhile (updatedAt is now "
                f"{timestamp(record.updated_at)}): read it again, or leave updatedAt out."
            )

    def by_example(self) -> dict[str, Any]:
        """The body of a search as lookups: a partial record, every key must match."""
        example = {key: value for key, value in self.request.data.items() if key != "nonce"}
        return dict(self._lookups(self.serializer(partial=True).fields, example))

    def _lookups(self, fields: Any, example: dict[str, Any], path: str = "") -> Any:
        for key, value in example.items():
            where = f"{path}{key}"
            if key in fields and where in self.searchable:
                try:
                    yield self.searchable[where], fields[key].run_validation(value)
                except ValidationError as error:
                    raise ValidationError({where: error.detail}) from None
            elif key in fields and isinstance(value, dict) and self._inside(where):
                yield from self._lookups(fields[key].fields, value, f"{where}.")
            else:
                raise ValidationError({where: self._not_searchable(where, value)}, "unknown_field")

    def _inside(self, where: str) -> list[str]:
        """What is searchable of an object: `customer` has `customer.id` and `customer.name`."""
        return [each for each in self.searchable if each.startswith(f"{where}.")]

    def _not_searchable(self, where: str, value: Any) -> str:
        meant = self._inside(where)[-1:] or [each for each in self.searchable if each == where]
        if meant:
            form = shorten(value if isinstance(value, str) else "...")
            for key in reversed(meant[0].split(".")):
                form = f'{{"{key}": {form}}}'
            return f"An example is nested as the record is: write {form}."
        known = ", ".join(each.replace(".", " with ") for each in self.searchable)
        return f"Not searchable; an example may hold: {known}."

    def paged(
        self, key: str, queryset: Any, offset: str, amount: str, represent: Any
    ) -> dict[str, Any]:
        """One page of a list, with the total."""
        page = Page.of(offset, amount)
        return {key: represent(page.rows(queryset)), **total(queryset)}
