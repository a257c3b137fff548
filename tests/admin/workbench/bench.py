"""A workbench as its script uses it, and as a person without one does."""

from html import unescape
from typing import Any

from django.urls import reverse

from tests.admin.conftest import Browser, without_tags

MAPPING = {"no": "$.transportOrder.name", "by": "$.transportOrder.customer.name"}


def read(html: str) -> str:
    """As a person reads it."""
    return " ".join(unescape(without_tags(html)).split())


def page_of(integration: Any) -> str:
    return reverse("admin:integrations_integration_workbench", args=[integration.pk])


class Bench:
    """The workbench of an integration, as its script uses it, and as a person without one does."""

    def __init__(self, browser: Browser, integration: Any) -> None:
        self.browser, self.address = browser, page_of(integration)
        html = browser.html(self.address)
        context = browser.client.get(self.address).context
        self.html, self.shown = html, context
        self.fields = {each["name"]: each["text"] for each in context["texts"]} | {
            "document": context["document"],
            "record": str(context["record"] or ""),
            "source": str(context["source"].pk),
            "as_read": context["as_read"],
        }

    def types(self, **texts: Any) -> str:
        """What the page shows a moment after this was typed."""
        return read(self.seen(**texts))

    def seen(self, **texts: Any) -> str:
        """The same, as HTML."""
        answer = self.browser.client.post(
            self.address, {**self.fields, **texts}, headers={"X-Requested-With": "live"}
        )
        assert answer.status_code == 200
        return str(answer.content.decode())

    def presses(self, button: str, **more: Any) -> Any:
        given = {**self.fields, "do": button, **more}
        return self.browser.client.post(self.address, given, follow=True)
