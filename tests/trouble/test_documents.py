"""Documents that a target fails with do not keep the others from it."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils.timezone import now

from integrations.core.trouble import FIRST_COOLDOWN, MANY, Report
from integrations.models import Gate, Integration, IntegrationObject
from tests import make
from tests.queue.conftest import Queue
from tests.sink import Sink
from tests.trouble.conftest import let_the_cooldown_pass, save, statuses, trouble

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_good_waits_for_no_more_than_a_trial_of_each_that_is_bad(
    queue: Queue, sink: Sink, integration: Integration
) -> None:
    sink.answers("/orders", "/status/500")
    save(queue, 30)
    queue.run()
    bad = set(queue.all.values_list("pk", flat=True))
    save(queue, 5)
    queue.all.filter(pk__in=bad).update(due_at=now() - timedelta(seconds=5))
    (source,) = Gate.objects.get(pk=integration.pk).trouble
    waited, trials = 0.0, 0
    while True:
        waited += max(0.0, trouble(integration).until - now().timestamp())
        let_the_cooldown_pass(integration)
        (trial,) = IntegrationObject.objects.claim_due(10).objects
        if trial.pk not in bad:
            break
        report = Report(UUID(source), "ERP", "fails", "It answered 500.")
        failed = trial.fail("", "500", integration.policy, permanent=False, report=report)
        IntegrationObject.objects.finish([failed])
        trials += 1
    assert trials == 30
    assert waited < 60
    IntegrationObject.objects.finish([trial.release("Tried below.")])
    sink.answers("/orders", "/ok")
    let_the_cooldown_pass(integration)
    queue.run()
    assert statuses(queue) == {"RETRY": 30, "SUCCESS": 5}


@pytest.mark.parametrize(
    ("answer", "cooldown"),
    [
        ("/status/500", 0.0),
        ("/status/408", 0.0),
        ("/retry/500/2", FIRST_COOLDOWN),
        ("/status/502", FIRST_COOLDOWN),
        ("/status/503", FIRST_COOLDOWN),
        ("/status/504", FIRST_COOLDOWN),
        ("/status/429", FIRST_COOLDOWN),
        ("/status/401", FIRST_COOLDOWN),
    ],
)
def test_what_would_happen_to_any_document_holds_it_back_for_longer(
    queue: Queue, sink: Sink, integration: Integration, answer: str, cooldown: float
) -> None:
    sink.answers("/orders", answer)
    save(queue, MANY)
    queue.run()
    held = trouble(integration)
    assert (held.held, held.cooldown) == (True, cooldown)


def test_one_that_nobody_answers_at_is_held_back_for_longer(queue: Queue) -> None:
    made = make.integration("http://127.0.0.1:9/orders", platform=queue.platform)
    save(queue, MANY)
    queue.run()
    assert trouble(made).cooldown == FIRST_COOLDOWN
