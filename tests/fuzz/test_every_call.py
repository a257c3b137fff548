"""Whatever is sent to a call, its answer is one that openapi.json promises.

Schemathesis makes up what is sent, from the schema and against it; here it is told who calls, and
of which records it may know the ids. `make fuzz` takes more examples than the suite has time for.
"""

import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import schemathesis
from django.conf import LazySettings
from django.core.cache import cache
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from integrations.models import Credential
from otms.accounts.access import access_token
from otms.accounts.models import Platform, Session, User
from otms.api.router import Route, actions
from otms.urls import router  # where every viewset is registered
from otms.wsgi import application
from tests import make
from tests.api.test_platforms import MAKE
from tests.api.test_reference import DOCS, in_schema

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = int(os.environ.get("OTMS_FUZZ_EXAMPLES", "8"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_path(DOCS / "openapi.json")
SCHEMA.app = application


@pytest.fixture
def user(platform: Platform) -> User:
    return make.UserFactory(platform=platform, is_superuser=True)  # type: ignore[no-any-return]


@pytest.fixture
def callers(user: User) -> dict[str, Callable[[], str]]:
    """Who calls, and a token of theirs; an integration that hears of everything is one of them."""
    listening = make.integration(platform=user.platform, trigger=make.ALL_ACTIONS)

    def session() -> str:
        opened = Session.start(user, ip=None, device="")
        assert opened
        return access_token(opened[0])

    return {
        "a person with a token": lambda: make.token(user),
        "a person who logged in": session,
        "an integration": lambda: Credential.generate(listening)[1]["token"],
        "nobody": lambda: "",
    }


@pytest.mark.parametrize("viewset", router.viewsets)
def test_every_call_is_answered_as_the_schema_says(
    viewset: Any,
    platform: Platform,
    callers: dict[str, Callable[[], str]],
    settings: LazySettings,
    answered: Counter[int],
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    for route in actions(viewset).values():
        record = (
            partial(MAKE[viewset.model], platform=platform) if hasattr(viewset, "model") else None
        )
        calls_of(route, record, callers, answered)()


def calls_of(
    route: Route,
    record: Callable[[], Any] | None,
    callers: dict[str, Callable[[], str]],
    answered: Counter[int],
) -> Callable[[], None]:
    """A test of one call with made-up examples."""
    operation = SCHEMA[in_schema(route)[1]][route.method]
    valid, invalid = map(operation.as_strategy, GenerationMode)

    # Most calls are a person's, about a record that is there.
    @example_settings
    @given(
        case=st.one_of(valid, valid, invalid),
        caller=st.sampled_from([*list(callers)[:2] * 3, *callers]),
        known=st.sampled_from([True, True, False]),
    )
    def calls(case: Any, caller: str, known: bool) -> None:
        cache.clear()  # what throttles remember
        if known and record:
            name_it(case, route, record())
        answer = case.call(headers={"Authorization": f"Bearer {callers[caller]()}"})
        answered[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    return calls


example_settings = settings(
    max_examples=EXAMPLES,
    derandomize="OTMS_FUZZ_EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def name_it(case: Any, route: Route, record: Any) -> None:
    """Put the id of a record that is there wherever the call names one."""
    id = str(getattr(record, "uuid", record.pk))
    if "id" in case.path_parameters:
        theirs = route.path.startswith("user/<id:id>/")
        case.path_parameters["id"] = str(record.user_id) if theirs else id
    if isinstance(case.body, dict):
        for name in ("id", "integrationId"):
            if name in case.body:
                case.body[name] = id
