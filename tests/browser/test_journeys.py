"""Ways through the admin, with everything real: server, worker, a receiver, a browser."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.chromium import Chromium
from tests.browser.journey import Journey
from tests.run.conftest import Run
from tests.sink import Sink

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
# Of the editor: what it is called, and the text that is typed into it.
MAPPING = """{
  "number": "$.transportOrder.name",
  "customer": {"$path": "$.transportOrder.customer.nam", "$default": "unknown"},
  "parcels": "$.transportOrder.consignment"
}"""
# When the last key was pressed, and when the result changed after it.
WATCH = """
window.changed = 0;
new MutationObserver(() => { window.changed = performance.now(); })
    .observe(document.getElementById("seen"), {childList: true, subtree: true});
window.typed = performance.now(); null
"""


@pytest.fixture
def journey(demo: Run, window: Chromium) -> Iterator[Journey]:
    made = Journey(window, demo.url)
    made.log_in(demo.kept["OTMS_ADMIN_USER"], demo.kept["OTMS_ADMIN_PASSWORD"])
    window.complaints.clear()
    made.begin("/admin/")
    yield made
    assert window.complaints == []


def integration(demo: Run, url: str, **more: Any) -> str:
    given = {
        "name": more.pop("name", "Ways"),
        "type": "configured",
        "trigger": {"entity": "transportOrder", "actions": ["created", "updated"]},
        "dataSources": [{"name": "there", "connector": "webhook", "settings": {"url": url}}],
        **more,
    }
    return str(demo.api("POST", "integration", given)["integration"]["id"])


def takes(sink: Sink, path: str, behaviour: str = "/ok") -> str:
    """The address of the receiver where it does this."""
    sink.answers(path, behaviour)
    return sink.url(path)


def order(demo: Run, name: str, **more: Any) -> Any:
    return demo.api("POST", "transportOrder", {"name": name, **more})["transportOrder"]


def test_a_first_integration(
    demo: Run, journey: Journey, sink: Sink, figure: Callable[[str], None]
) -> None:
    """From the first page to a delivery that was seen."""
    journey.click("Integrations")
    journey.click("Send orders to a URL")
    journey.fill("Send it to", takes(sink, "/first"))
    journey.fill("Call it", "My first")
    journey.click("Create it")
    journey.reads("It is there, and paused", "What would be sent")
    journey.click("Send a test")
    journey.reads("It works: ")
    journey.click("Save and start")
    journey.reads("It listens from now on")
    order(demo, "the first order")
    assert sink.wait(2)["delivered"] == 2
    figure(f"first integration, from the first page to an order that arrived: {journey}")


def test_a_mapping_in_the_workbench(
    demo: Run, journey: Journey, sink: Sink, figure: Callable[[str], None]
) -> None:
    """What is typed is shown within 300 ms, and what is wrong at its line."""
    made = integration(demo, takes(sink, "/bench"), name="Bench")
    order(demo, "for the bench", customer={"name": "Acme"})
    journey.begin(f"/admin/integrations/integration/{made}/change/")
    journey.click("Workbench")
    journey.reads("for the bench")
    journey.fill("Mapping", MAPPING.replace('"unknown"}', '"unknown", "$oops": 1}'))
    journey.reads("Line 3: `customer`: No operator `$oops`")
    marks = journey.window.evaluate(
        "[...document.querySelectorAll('.ace_gutter-cell.ace_error')].map(e => e.innerText.trim())"
    )
    assert marks == ["3"]
    journey.fill("Mapping", MAPPING)
    journey.reads("Line 4: `parcels` was left out", "Did you mean `$.transportOrder.consignments`?")
    journey.click("Use it")
    journey.reads('"parcels": []', '"number": "for the bench"')
    took = []
    for text in ("1", "12", "123"):
        journey.fill("Mapping", f'{{"n": {text}}}')
        journey.window.evaluate(WATCH)
        journey.reads(f'{{ "n": {text} }}')
        took.append(journey.window.evaluate("window.changed - window.typed"))
    assert max(took) > 0
    journey.fill("Mapping", MAPPING.replace("consignment", "consignments"))
    journey.click("Save")
    journey.reads("Saved: what is sent from now on is made like this.")
    sink.reset()
    sink.answers("/bench", "/ok")
    order(demo, "as it was mapped")
    until(lambda: any(each.path == "/bench" for each in sink.requests))
    assert [each.json() for each in sink.requests if each.path == "/bench"] == [
        {"number": "as it was mapped", "customer": "unknown", "parcels": []}
    ]
    figure(
        f"a mapping in the workbench, two slips mended: {journey}; "
        f"the result {max(took):.0f} ms after the last key"
    )


def test_why_an_order_was_not_sent(
    demo: Run, journey: Journey, sink: Sink, figure: Callable[[str], None]
) -> None:
    made = integration(
        demo,
        takes(sink, "/why"),
        name="Only accepted",
        filters=[{"field": "$.transportOrder.status", "operator": "eq", "value": "accepted"}],
    )
    order(demo, "never arrived")
    until(lambda: statuses(demo, made) == ["SKIPPED"])
    journey.fill("Where is my order?", "never arrived")
    journey.window.press("Enter")
    journey.reads("Only accepted", '$.transportOrder.status is "requested", the filter wants')
    figure(f"why an order was not sent: {journey}")


def test_repair_after_an_outage(
    demo: Run, journey: Journey, sink: Sink, figure: Callable[[str], None]
) -> None:
    """Everything was refused for a while; then all of it is sent once more, and seen to arrive."""
    made = integration(demo, takes(sink, "/outage", "/status/422"), name="Outage")
    for number in range(12):
        order(demo, f"outage {number}")
    until(lambda: statuses(demo, made).count("ERROR") == 12)
    sink.reset()
    sink.answers("/outage", "/ok")
    journey.begin("/admin/")
    journey.reads("Outage")
    journey.click("Outage")
    journey.click("Replay", "a[href]")
    journey.reads("Replay 12 objects of Outage?")
    journey.click("Replay", "button")
    journey.reads("A worker makes them anew")
    journey.reads("12 of 12")
    facts = "/Finished\\s+\\d{4}-/.test(document.getElementById('facts').innerText)"
    until(lambda: journey.window.evaluate(facts))
    assert not journey.window.evaluate("document.querySelectorAll('[data-live]').length")
    assert sink.wait(12)["delivered"] == 12
    figure(f"repair after an outage, 12 orders sent once more: {journey}")


def test_a_credential_is_rotated(
    demo: Run, journey: Journey, sink: Sink, figure: Callable[[str], None]
) -> None:
    made = integration(demo, takes(sink, "/keys"), name="Keys")
    demo.api("POST", "integration/generate/credentials", {"integrationId": made})
    journey.begin(f"/admin/integrations/integration/{made}/change/")
    journey.click("Credentials")
    journey.click("Rotate")
    journey.click("Generate credentials")
    shown = journey.reads("otms_int_")
    assert "never shown again" in shown
    journey.click("Revoke")
    journey.clicks += 1  # yes
    assert journey.window.questions[-1].startswith("Revoke it? Whoever calls with it is refused")
    journey.reads("Revoked: ")
    figure(f"a credential rotated: {journey}")


def test_a_request_is_read(
    demo: Run, journey: Journey, sink: Sink, figure: Callable[[str], None]
) -> None:
    made = integration(demo, takes(sink, "/read", "/status/422"), name="Read")
    order(demo, "to be read")
    until(lambda: statuses(demo, made) == ["ERROR"])
    journey.begin("/admin/")
    journey.click("Request logs", "a[href]")
    journey.click("422", "tr a")
    journey.reads("What was sent", "to be read", "What came back")
    figure(f"a request log read: {journey}")


def test_a_page_that_is_open_keeps_up(demo: Run, journey: Journey, sink: Sink) -> None:
    """An order is tried again while its page is read: no reload, and what was opened stays so."""
    policy = {"retry": {"schedule": [25]}}
    made = integration(demo, takes(sink, "/later", "/status/503"), name="Later", delivery=policy)
    order(demo, "tried again")
    until(lambda: statuses(demo, made) == ["RETRY"])
    journey.fill("Where is my order?", "tried again")
    journey.window.press("Enter")
    until(lambda: "/transportorder/" in journey.at())
    journey.click("RETRY", "td a")
    journey.reads("Attempt 1", "The next attempt is at")
    journey.click("As curl")
    journey.window.evaluate("document.activeElement.blur()")
    journey.window.evaluate(
        "window.before = 1; window.asked = 0; const ask = window.fetch;"
        "window.fetch = (...given) => ask(...given).finally(() => { window.asked += 1; }); null"
    )
    until(lambda: journey.window.evaluate("window.asked"))
    opened = "[...document.querySelectorAll('#attempts details')].every(each => each.open)"
    assert journey.window.evaluate(opened)
    sink.answers("/later", "/ok")
    journey.reads("Delivered at", "after 2 attempts", "Attempt 2", within=40)
    kept = "window.before === 1 && !document.querySelectorAll('[data-live]').length"
    until(lambda: journey.window.evaluate(kept))


def statuses(demo: Run, integration: str) -> list[str]:
    shown = demo.api("GET", f"integration/{integration}/objects/0/50")["objects"]
    return [each["status"] for each in shown]


def test_what_was_missed_is_sent(
    demo: Run, journey: Journey, sink: Sink, figure: Callable[[str], None]
) -> None:
    """An order was saved while an integration was paused; half its name leads to it."""
    made = integration(demo, takes(sink, "/missed"), name="Was paused", enabled=False)
    order(demo, "Zwolle - Kassel")
    demo.api("PUT", "integration", {"id": made, "enabled": True})
    journey.begin("/admin/")
    journey.fill("Where is my order?", "kassel")
    journey.window.press("Enter")
    journey.reads("It was paused when this was saved; it was resumed at")
    journey.click("Send it now", 'button[formaction*="' + made + '"]')
    journey.reads("for Was paused", "Delivered at")
    figure(f"an order that was missed found and sent: {journey}")


def test_the_keyboard_goes_where_the_mouse_goes(journey: Journey) -> None:
    """Past the menu with the first key, and into the filters of a list."""
    focused = "document.activeElement"
    journey.begin("/admin/integrations/integrationobject/")
    journey.window.press("Tab")
    assert journey.window.evaluate(f"{focused}.textContent") == "Skip to the content"
    journey.window.press("Enter")
    for _ in range(30):
        journey.window.press("Tab")
        words = journey.window.evaluate(f"{focused}.textContent.trim()")
        if words.startswith("Filters"):
            break
    shown = "document.getElementById('changelist-filter').checkVisibility()"
    assert not journey.window.evaluate(shown)
    journey.window.press("Enter")
    until(lambda: journey.window.evaluate(shown))


def until(condition: Callable[[], bool], timeout: float = 20) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
