"""One object is leased, prepared, sent and written down."""

import time
from datetime import timedelta

import requests
from celery import shared_task
from django.db.models import F
from django.utils.timezone import now

from integrations import answer, pipeline
from integrations.answer import Call
from integrations.http import Exchange
from integrations.models import IntegrationObject
from integrations.plan import Plans

LEASE = timedelta(seconds=30)
plans = Plans()
session = requests.Session()


@shared_task
def deliver(id: int) -> None:
    everywhere = IntegrationObject.objects.across_platforms()
    everywhere.filter(pk=id, leased=False).update(
        leased=True,
        claimed_at=now(),
        due_at=now() + LEASE,
        fence=F("fence") + 1,
        attempts=F("attempts") + 1,
    )
    obj = everywhere.select_related("change", "since").get(pk=id)
    plans.refresh([obj])
    plans.recall([obj])
    made = pipeline.prepare(obj, plans[obj])
    if isinstance(made, Call):
        made = answer.judge(made, _exchange(made))
    IntegrationObject.objects.finish([made])


def _exchange(call: Call) -> Exchange:
    asked = call.request
    began = time.monotonic()
    said = session.request(
        asked.method, asked.address, data=asked.body, headers=asked.headers, timeout=10
    )
    return Exchange(
        asked,
        status=said.status_code,
        headers={name.lower(): value for name, value in said.headers.items()},
        body=said.content,
        answer=said.content,
        duration_ms=(time.monotonic() - began) * 1000,
        sent=True,
    )
