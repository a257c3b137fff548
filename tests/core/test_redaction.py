"""What of a body is kept when an integration redacts fields."""

from typing import Any

import pytest

from integrations.core import redaction
from integrations.core.redaction import FAULT, NO_JSON, Redaction, check
from otms import documents

BODY = {
    "no": "4711",
    "customer": {"name": "Ann", "email": "ann@example.com"},
    "lines": [{"phone": "0612345678", "qty": 1.50}, {"phone": None}],
    "deep": {"er": [{"email": "bob@example.com"}]},
}


def kept(paths: list[str], body: Any = BODY) -> Any:
    text, _ = Redaction(paths).body(documents.dumps(body))
    return documents.loads(text)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("$.customer.email", ("customer", "email")),
        ("$.customer", ("customer",)),
        ("$['customer']['email']", ("customer", "email")),
        ("$.lines[0].phone", ("lines", 0, "phone")),
        ("$.lines[*].phone", ("lines", 0, "phone")),
        ("$.customer.*", ("customer", "name")),
        ("$..email", ("deep", "er", 0, "email")),
    ],
)
def test_what_stands_at_a_path_is_masked(path: str, place: Any) -> None:
    found = kept([path])
    for key in place:
        found = found[key]
    assert found == "***"


def test_everything_else_is_kept_as_it_is() -> None:
    expected = {**BODY, "customer": {"name": "Ann", "email": "***"}}
    assert kept(["$.customer.email", "$.nothing.here", "$.no[0]"]) == expected


def test_a_value_that_is_masked_is_not_said_elsewhere_in_the_body() -> None:
    found = kept(["$.customer.email"], {**BODY, "error": "unknown: ann@example.com"})
    assert found["error"] == "unknown: ***"


@pytest.mark.parametrize("body", [b"<xml>ann@example.com</xml>", b'{"cut": "of', b"\xff\xfe"])
def test_what_is_no_json_is_not_kept(body: bytes) -> None:
    assert Redaction(["$..email"]).body(body) == (NO_JSON, [])


def test_what_is_too_much_work_is_not_kept() -> None:
    many = documents.dumps([{"email": 1}] * 150_000)
    assert Redaction(["$..email"]).body(many)[0] in (NO_JSON, FAULT)
    assert Redaction(["$..email"]).body(documents.dumps([0] * 250_000))[0] == FAULT


def test_nothing_that_goes_wrong_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("ann@example.com")

    made = Redaction(["$..email"])
    monkeypatch.setattr(made, "_mask", broken)
    assert made.body(b"{}") == (FAULT, [])
    monkeypatch.setattr(redaction, "_roots", broken)
    assert made.values({}) == []


def test_a_path_finds_its_values_in_the_document_of_a_change() -> None:
    record = {"customer": {"email": "ann@example.com"}}
    document = {"transportOrder": record, "before": {"transportOrder": BODY}}
    assert Redaction(["$.customer.email"]).values(document) == ["ann@example.com"] * 2


def test_a_filter_on_a_redacted_field_is_covered() -> None:
    made = Redaction(["$.customer.email", "$..phone", "$.lines[*]"])
    assert made.covers("$.transportOrder.customer.email")
    assert made.covers("$.transportOrder.lines[0].no")
    assert made.covers("$.before.x.phone")
    assert not made.covers("$.transportOrder.customer.name")


@pytest.mark.parametrize(
    ("paths", "field"),
    [
        ("$.a", ""),
        ([1], "[0]"),
        (["$.a", "customer.email"], "[1]"),
        (["$.a[?(@.b)]"], "[0]"),
        (["$"], "[0]"),
        (["$[*]"], "[0]"),
        (["$.a" * 200], "[0]"),
        (["$.a"] * 51, ""),
    ],
)
def test_a_path_that_can_not_be_used_is_told_at_its_place(paths: Any, field: str) -> None:
    assert [each.field for each in check(paths)] == [field]


def test_good_paths_have_no_problems() -> None:
    assert list(check(["$.customer.email", "$.lines[*].phone", "$..email", "$['a b'].*.c"])) == []
