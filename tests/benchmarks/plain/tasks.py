"""An order is mapped, posted, and its attempt written down."""

import json
import time
from typing import Any

import requests
from celery import shared_task
from django.conf import settings

from tests.benchmarks.plain.models import Attempt, Goods, Order

session = requests.Session()
post = session.post if settings.TUNED else requests.post


@shared_task(autoretry_for=(requests.RequestException,), retry_backoff=True, max_retries=8)
def deliver(id: int) -> None:
    order = Order.objects.select_related("customer").get(pk=id)
    goods = Goods.objects.filter(consignment__order=order).first()
    body: dict[str, Any] = {
        "number": order.name,
        "customer_name": order.customer.name,
        "status": order.status,
        "weight": goods and goods.weight["value"],
    }
    began = time.monotonic()
    answer = post(settings.TARGET, json=body, timeout=10)
    Attempt.objects.create(
        order=order,
        request=json.dumps(body),
        status=answer.status_code,
        answer=answer.text[:1000],
        milliseconds=(time.monotonic() - began) * 1000,
    )
    answer.raise_for_status()
