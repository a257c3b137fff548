"""The examples of the schema, and the edges of what it allows, are answered as it says.

`make fuzz` alone runs these, because they take minutes. What is made up at random is in
test_every_call.py. Chains of calls are left out: Hypothesis tries a chain again from its beginning,
and meets what the first try left in the database.
"""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from django.conf import LazySettings
from django.core.cache import cache
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from otms.accounts.models import Platform
from otms.api.router import actions
from otms.urls import router  # where every viewset is registered
from otms.wsgi import application
from tests.api.test_platforms import MAKE
from tests.api.test_reference import DOCS, in_schema
from tests.fuzz.test_every_call import CHECKS, callers, name_it, user

__all__ = ["callers", "user"]

pytestmark = pytest.mark.django_db(transaction=True)

# Here, because thinking up the edges takes seconds, in each process that looks for tests.
if "OTMS_FUZZ_EXAMPLES" not in os.environ:
    pytest.skip("`make fuzz` runs it", allow_module_level=True)

EDGES = schemathesis.openapi.from_path(DOCS / "openapi.json")
EDGES.app = application
EDGES.config.phases.update(phases=["examples", "coverage"])
ROUTES = {
    in_schema(route): (viewset, route)
    for viewset in router.viewsets
    for route in actions(viewset).values()
}
Callers = dict[str, Callable[[], str]]


@pytest.fixture
def call(callers: Callers, settings: LazySettings, answered: Counter[int]) -> Callable[[Any], Any]:
    """Make a call as the person who may everything, and hold its answer against the schema."""
    settings.ALLOWED_HOSTS = ["*"]
    token = callers["a person with a token"]()

    def made(case: Any) -> Any:
        cache.clear()  # what throttles remember
        answer = case.call(headers={"Authorization": f"Bearer {token}"})
        answered[answer.status_code] += 1
        if case.method.upper() != case.operation.method.upper():
            assert answer.status_code == 405, case.method
            return answer
        case.validate_response(answer, checks=CHECKS)
        return answer

    return made


@EDGES.parametrize()
@hypothesis_settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_examples_and_edges_are_answered_as_the_schema_says(
    case: Any, call: Callable[[Any], Any], platform: Platform
) -> None:
    viewset, route = ROUTES[case.operation.method.upper(), case.operation.path]
    if len(str(case.path_parameters.get("id", ""))) == 36 and hasattr(viewset, "model"):
        name_it(case, route, MAKE[viewset.model](platform=platform))
    call(case)
