"""Support's pages: what happened to an order, why, and the two handles."""

import re
import shlex
from datetime import timedelta
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse
from django.utils.timezone import now

from integrations.admin.links import page_of
from integrations.models import EntityChange, RemoteRecord, RequestLog, Status
from integrations.models.gate import EVER, FOREVER
from tests import make
from tests.admin.conftest import Browser, queued, staff, told, without_tags

LIST = "admin:integrations_integrationobject_changelist"


def page(row: Any) -> str:
    return reverse("admin:integrations_integrationobject_change", args=[row.pk])


def test_a_page_tells_the_whole_story(own: SimpleNamespace, browser: Browser) -> None:
    html = without_tags(browser.html(page(own.row)))
    for words in (
        "Given up at",
        "own-error",
        "422",
        "12 ms",
        "&quot;sent&quot;: 1",
        "no such customer",
        "target_refused",
        "own-order was refused",
        "Transport order after",
        str(own.row.uuid),
    ):
        assert words in html, words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"due_at": "now"}, "It is due now"),
        ({"due_at": now() + timedelta(hours=1), "lane": None}, "The next attempt is at"),
        ({"leased": True, "attempts": 2, "claimed_at": now()}, "Being delivered right now"),
        ({"status": Status.RETRY, "attempts": 2, "error": "503"}, "2 attempts so far."),
        ({"status": Status.SUCCESS, "attempts": 1, "finished_at": now()}, "Delivered at"),
        ({"status": Status.SKIPPED, "reason": "a filter"}, "Nothing was sent"),
        ({"status": Status.CANCELLED, "finished_at": now()}, "Cancelled at"),
    ],
)
def test_every_status_is_told_in_words(
    fields: dict[str, Any], words: str, own: SimpleNamespace, browser: Browser
) -> None:
    own.row.delete()
    given = {name: now() if value == "now" else value for name, value in fields.items()}
    row = queued(own.integration, own.order, **given)
    assert words in without_tags(browser.html(page(row)))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("import", "by an import of own-integration"),
        ("api", "through the API"),
        ("person", "by a person in the admin"),
        ("system", "by a command"),
    ],
)
def test_what_caused_the_change_is_told(
    kind: str, words: str, own: SimpleNamespace, browser: Browser
) -> None:
    EntityChange.objects.filter(pk=own.row.change_id, platform=own.platform).update(
        origin=kind, origin_integration=own.integration if kind == "import" else None
    )
    assert words in without_tags(browser.html(page(own.row)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"due_at": now()}, "Attempt 1 now."),
        ({"leased": True, "attempts": 2}, "Attempt 2 is being made."),
        (
            {"status": Status.SUCCESS, "attempts": 2, "finished_at": EVER, "due_at": None},
            "Delivered at 1970-01-01 00:00:00 UTC, attempt 2.",
        ),
        (
            {"status": Status.RETRY, "attempts": 3, "error": "503", "due_at": FOREVER},
            "503 Attempt 4 at 9999-12-31 00:00:00 UTC.",
        ),
        (
            {"status": Status.ERROR, "attempts": 5, "error": "422", "due_at": None},
            "422 5 attempts.",
        ),
        ({"status": Status.SKIPPED, "reason": "a filter " + "x" * 100, "due_at": None}, "x" * 100),
    ],
)
@pytest.mark.parametrize("where", ["the list", "the order's page"])
def test_the_reason_stands_beside_the_status(
    where: str, fields: dict[str, Any], words: str, own: SimpleNamespace, browser: Browser
) -> None:
    own.row.delete()
    row = queued(own.integration, own.order, **fields)
    order = reverse("admin:orders_transportorder_change", args=[own.order.pk])
    html = browser.html(reverse(LIST) if where == "the list" else order)
    assert row.status in html
    assert words in " ".join(without_tags(html).split())


@pytest.mark.parametrize("of", ["integrationobject", "log", "requestlog"])
def test_a_long_text_makes_no_list_wider(of: str, own: SimpleNamespace, browser: Browser) -> None:
    html = browser.html(reverse(f"admin:integrations_{of}_changelist"))
    assert 'class="long-text"' in html


def test_a_call_without_an_answer_says_so(own: SimpleNamespace, browser: Browser) -> None:
    assert "(no answer)" not in browser.html(page(own.row))
    silent = {"response_status": None, "response_body": ""}
    own.row.requestlog_entries.update(**silent, error="No complete answer within 15 s.")
    assert "(no answer)" in browser.html(page(own.row))


def test_what_took_it_without_a_status_is_no_failure(
    own: SimpleNamespace, browser: Browser
) -> None:
    mail = "To: a@b.example\nSubject: =?utf-8?q?K=C3=B6ln?=\n\nThree.\n"
    own.row.requestlog_entries.update(
        method="SEND", url="mailto:a@b.example", response_status=None, request_body=mail
    )
    html = browser.html(page(own.row))
    assert re.search(r'text-green-700 [^"]*"\s*>\s*taken\s*</span>', html)
    assert "Subject: Köln" in html
    requests = reverse("admin:integrations_requestlog_changelist")
    assert "own-order" in browser.html(f"{requests}?answer=ok")
    assert "own-order" not in browser.html(f"{requests}?answer=none")
    own.row.requestlog_entries.update(error="The mail server refused.")
    assert re.search(r'text-red-700 [^"]*"\s*>\s*not taken\s*</span>', browser.html(page(own.row)))
    assert "own-order" in browser.html(f"{requests}?answer=none")


@pytest.mark.parametrize(
    ("status", "colour"),
    [(201, "green"), (302, "orange"), (404, "red"), (503, "red"), (None, "red")],
)
def test_an_answer_has_the_colour_of_its_class(
    status: int | None, colour: str, own: SimpleNamespace, browser: Browser
) -> None:
    error = "" if status else "No complete answer within 15 s."
    own.row.requestlog_entries.update(response_status=status, error=error)
    html = browser.html(reverse("admin:integrations_requestlog_changelist"))
    classes = f"text-{colour}-700 dark:text-{colour}-400"
    word = status or "no answer"
    assert f'<span class="font-semibold whitespace-nowrap {classes}">{word}</span>' in html
    one = browser.html(page(own.row))
    assert re.search(rf'text-{colour}-700 [^"]*"\s*>\s*{status or "no answer"}\s*</span>', one)


def test_who_waits_for_whom_is_told(own: SimpleNamespace, browser: Browser) -> None:
    ahead = queued(own.integration, own.order)
    behind = queued(own.integration, own.order)
    assert f"(sequence {ahead.pk}, QUEUE)" in without_tags(browser.html(page(behind)))


def test_a_pause_is_told(own: SimpleNamespace, browser: Browser) -> None:
    row = queued(own.integration, own.order)
    own.integration.enabled = False
    own.integration.save()
    assert "the integration is paused" in without_tags(browser.html(page(row)))


def test_a_deleted_record_is_told_of(own: SimpleNamespace, browser: Browser) -> None:
    own.order.delete()
    assert "deleted since" in without_tags(browser.html(page(own.row)))


@pytest.mark.parametrize("what", ["reference", "uuid", "entity_id"])
def test_search_by_the_whole_reference_or_an_id(
    what: str, own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    other = queued(own.integration, make.OrderFactory(platform=own.platform, name="OTHER 1"))
    html = browser.html(f"{reverse(LIST)}?q={getattr(own.row, what)}")
    assert page(own.row) in html
    assert page(other) not in html
    assert page(other) in browser.html(f"{reverse(LIST)}?q=OTHER+1")
    assert page(foreign.row) not in browser.html(f"{reverse(LIST)}?q=foreign-order")


@pytest.mark.parametrize("of", ["log", "requestlog"])
def test_logs_are_found_by_reference(of: str, own: SimpleNamespace, browser: Browser) -> None:
    lists = reverse(f"admin:integrations_{of}_changelist")
    assert page(own.row) in browser.html(f"{lists}?q=own-order")
    assert page(own.row) not in browser.html(f"{lists}?q=other")


@pytest.mark.parametrize(
    "narrowed",
    [
        "integrationobject/?status__exact=ERROR",
        "integrationobject/?entity=transportOrder",
        "log/?level__exact=error",
        "log/?code=target_refused",
        "requestlog/?answer=4xx",
    ],
)
def test_lists_are_narrowed(narrowed: str, own: SimpleNamespace, browser: Browser) -> None:
    address = reverse("admin:index") + "integrations/" + narrowed
    assert "own-order" in browser.html(address)
    left = {"ERROR": "SKIPPED", "transportOrder": "business", "4xx": "5xx"}
    for word, other in {**left, "=error": "=debug", "target_refused": "delivered"}.items():
        if address.endswith(word):
            assert page(own.row) not in browser.html(address.removesuffix(word) + other)
            break


def do(browser: Browser, action: str, *rows: Any) -> Any:
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    return browser.client.post(reverse(LIST), chosen, follow=True)


def test_put_back_in_the_queue(
    own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    answer = do(browser, "requeue", own.row, foreign.row)
    own.row.refresh_from_db()
    foreign.row.refresh_from_db()
    assert own.row.status == Status.QUEUE
    assert foreign.row.status == Status.ERROR
    assert "1 put back in the queue." in told(answer)
    again = do(browser, "requeue", own.row)
    assert "0 put back in the queue. 1 left" in told(again)


def test_cancel_names_the_person(own: SimpleNamespace, browser: Browser) -> None:
    row = queued(own.integration, own.order)
    do(browser, "cancel", row)
    row.refresh_from_db()
    assert row.status == Status.CANCELLED
    assert row.reason == "Cancelled by own-person."


@pytest.mark.parametrize("verb", ["requeue", "cancel"])
def test_the_buttons_on_a_page(verb: str, own: SimpleNamespace, browser: Browser) -> None:
    row = own.row if verb == "requeue" else queued(own.integration, own.order)
    address = reverse(f"admin:integrations_integrationobject_{verb}", args=[row.pk])
    assert address in browser.html(page(row))
    assert browser.client.get(address).status_code == 405
    browser.client.post(address)
    row.refresh_from_db()
    assert row.status == (Status.QUEUE if verb == "requeue" else Status.CANCELLED)


def test_what_the_target_lost_is_created_there_anew(own: SimpleNamespace, browser: Browser) -> None:
    address = reverse("admin:integrations_integrationobject_requeue_anew", args=[own.row.pk])
    assert address not in browser.html(page(own.row)), "its targets have no name for it"
    RemoteRecord.objects.create(
        platform=own.platform,
        data_source=own.integration.data_sources.first(),
        entity=own.row.entity,
        entity_id=own.row.entity_id,
        remote_id="E-4711",
    )
    html = browser.html(page(own.row))
    assert "calls it E-4711" in html
    assert address in html
    assert browser.client.get(address).status_code == 405
    browser.client.post(address)
    own.row.refresh_from_db()
    assert own.row.status == Status.QUEUE
    assert not RemoteRecord.objects.of(own.platform).exists()


def test_who_may_only_look_has_no_handles(own: SimpleNamespace) -> None:
    helper = staff(own.platform, username="helper", role="read-only")
    looks = Browser(helper)
    assert "Put back" not in looks.html(page(own.row))
    looks.client.post(reverse("admin:integrations_integrationobject_requeue", args=[own.row.pk]))
    looks.client.post(
        reverse("admin:integrations_integrationobject_requeue_anew", args=[own.row.pk])
    )
    own.row.refresh_from_db()
    assert own.row.status == Status.ERROR


def test_what_a_target_says_is_text_and_no_markup(own: SimpleNamespace, browser: Browser) -> None:
    said = '<script>alert("4711")</script>'
    for name in ("response_body", "request_body", "url", "error"):
        setattr(own.request, name, f"{name} {said}")
    own.request.response_headers = {"server": said, said: "x"}
    own.request.save()
    own.row.error = own.log.message = said
    own.row.save()
    own.log.save()
    request = reverse("admin:integrations_requestlog_change", args=[own.request.pk])
    line = reverse("admin:integrations_log_change", args=[own.log.pk])
    lists = [reverse(f"admin:integrations_{name}_changelist") for name in ("requestlog", "log")]
    for address in (page(own.row), request, line, reverse(LIST), *lists):
        html = browser.html(address)
        assert "<script>alert" not in html, address
        assert "4711" in html, address


@pytest.mark.parametrize("id", ["abc", "", "1e3", "\0", "9" * 40])
def test_what_no_row_can_be_is_not_acted_on(browser: Any, own: Any, id: str) -> None:
    address = reverse("admin:integrations_integrationobject_changelist")
    answer = browser.client.post(address, {"action": "requeue", "_selected_action": id})
    assert answer.status_code in (302, 404)


def test_a_page_keeps_up_as_long_as_something_is_to_come(
    own: SimpleNamespace, browser: Browser
) -> None:
    own.row.status, own.row.due_at = Status.QUEUE, now()
    own.row.save()
    assert 'id="told" data-live="5"' in browser.html(page(own.row))
    own.row.status, own.row.due_at = Status.SUCCESS, None
    own.row.save()
    assert 'id="told">' in browser.html(page(own.row))


def test_what_a_change_changed_is_shown_field_by_field(
    own: SimpleNamespace, browser: Browser
) -> None:
    EntityChange.objects.of(own.platform).filter(pk=own.row.change_id).update(
        action="updated",
        before={"name": "A", "customer": {"name": "Acme"}, "orderId": None},
        after={"name": "A", "customer": {"name": "Bcme"}, "orderId": "7"},
    )
    html = browser.html(page(own.row)).partition("The change</h2>")[2]
    table = html.partition("</table>")[0]
    read = " ".join(unescape(without_tags(table)).split())
    assert "customer.name" in read
    assert re.search(r"Acme \S+ Bcme", read), read
    assert re.search(r"orderId nothing \S+ 7", read), read
    assert " A " not in read


def test_a_call_is_shown_as_a_command_that_makes_it_again(
    own: SimpleNamespace, browser: Browser
) -> None:
    """A shell reads it as what was sent, whatever quotes there are."""
    (sent,) = own.row.requestlog_entries.all()
    body = '{"name": "it\'s \\"so\\" $HOME"}'
    RequestLog.objects.of(own.platform).filter(pk=sent.pk).update(
        request_headers={"Content-Type": "application/json", "Authorization": "***"},
        request_body=body,
    )
    html = browser.html(page_of(sent))
    command = unescape(re.findall(r"<pre[^>]*>(curl .*?)</pre>", html, re.DOTALL)[0])
    assert shlex.split(command.replace("\\\n", "")) == [
        *("curl", "-X", sent.method, sent.url),
        *("-H", "Content-Type: application/json", "-H", "Authorization: ***"),
        *("--data-raw", body),
    ]
    assert "data-copy" in html
    RequestLog.objects.of(own.platform).filter(pk=sent.pk).update(truncated=True)
    assert "curl -X" not in browser.html(page_of(sent))
