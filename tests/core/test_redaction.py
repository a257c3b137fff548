"""What of a body is kept when an integration redacts fields."""

import time
from typing import Any

import pytest

from integrations.core import redaction
from integrations.core.redaction import (
    FAULT,
    MOST_VALUES,
    NO_JSON,
    TOO_MANY,
    TOO_MUCH,
    Personal,
    Redaction,
    check,
)
from otms import documents

BODY = {
    "no": "4711",
    "customer": {"name": "Ann", "email": "ann@example.com"},
    "lines": [{"phone": "0612345678", "qty": 1.50}, {"phone": None}],
    "deep": {"er": [{"email": "bob@example.com"}]},
}


def kept(paths: list[str], body: Any = BODY) -> Any:
    text, personal = Redaction(paths).body(documents.dumps(body))
    return documents.loads(personal.unsaid(text))


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


def test_it_is_not_said_in_other_spellings_either() -> None:
    said = {"a": "no ANN@Example.com", "b": "/c/ann%40example.com", "c": "ann&#64;example.com"}
    found = kept(["$.customer.email"], {**BODY, "error": said})
    assert found["error"] == {"a": "no ***", "b": "/c/***", "c": "***"}


@pytest.mark.parametrize("body", [b"<xml>ann@example.com</xml>", b'{"cut": "of', b"\xff\xfe"])
def test_what_is_no_json_is_not_kept(body: bytes) -> None:
    assert Redaction(["$..email"]).body(body) == (NO_JSON, Personal())


def test_what_is_too_much_work_is_not_kept() -> None:
    many = documents.dumps([{"email": 1}] * 20_000)
    text, personal = Redaction(["$..email", *(f"$..x{n}" for n in range(49))]).body(many)
    assert (text, personal.unknown) == (TOO_MUCH, TOO_MUCH)
    assert personal.unsaid("ann@example.com") == TOO_MUCH
    assert personal.unsaid_in({"a": 1}) == TOO_MUCH


def test_more_values_than_are_looked_for_are_too_many() -> None:
    many = [{"email": f"{n}@example.com"} for n in range(MOST_VALUES)]
    made = Redaction(["$..email"])
    assert made.sent(many).unknown == ""
    more = made.sent([*many, {"email": "ann@example.com"}])
    assert more.unknown == TOO_MANY
    assert (made.sent(many) | made.sent([{"email": "ann@example.com"}])).unknown == TOO_MANY
    assert made.body(documents.dumps([*many, {"email": "ann@example.com"}]))[0] == TOO_MANY


def test_nothing_that_goes_wrong_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("ann@example.com")

    made = Redaction(["$..email"])
    monkeypatch.setattr(redaction, "_texts", broken)
    assert made.body(b'{"email": 1}') == (FAULT, Personal(unknown=FAULT))
    assert made.recorded({"email": 1}) == Personal(unknown=FAULT)
    monkeypatch.setattr(redaction, "redact_values", broken)
    assert Personal(frozenset(["x"])).unsaid("text") == FAULT


def test_the_outermost_place_is_taken_once_however_many_paths_lead_there() -> None:
    deep: Any = [f"text {n}" for n in range(400)]
    for _ in range(55):
        deep = {"a": deep}
    started = time.process_time()
    personal = Redaction(["$..a"] * 10 + ["$.a", "$.a.a", "$..a.a", "$.a.*"]).sent(deep)
    assert len(personal.values) == 400
    assert time.process_time() - started < 0.5


def test_a_path_finds_its_values_in_the_document_of_a_change() -> None:
    record = {"customer": {"email": "ann@example.com"}}
    before = {"customer": {"email": "bob@example.com"}}
    document = {"transportOrder": record, "before": {"transportOrder": before}}
    found = {"ann@example.com", "bob@example.com"}
    assert Redaction(["$.customer.email"]).recorded(document).values == found
    assert Redaction(["$.transportOrder.customer"]).recorded(document).values == found
    assert Redaction(["$.before.transportOrder"]).recorded(document).values == {"bob@example.com"}
    assert Redaction(["$.customer.email"]).sent(document).values == set()


def test_an_address_beside_a_name_is_said_alone_too() -> None:
    personal = Redaction(["$.to"]).sent({"to": "Ann <ann@exämple.com>, bob@example.com"})
    said = "mailto:ann@xn--exmple-cua.com,bob@example.com"
    assert personal.unsaid(said) == "mailto:***,***"


def test_a_filter_on_a_redacted_field_is_covered() -> None:
    made = Redaction(["$.customer.email", "$..phone", "$.lines[*]"])
    assert made.covers("$.transportOrder.customer.email")
    assert made.covers("$.transportOrder.lines[0].no")
    assert made.covers("$.before.x.phone")
    assert not made.covers("$.transportOrder.customer.name")


def test_a_filter_on_what_is_around_a_redacted_field_is_covered() -> None:
    made = Redaction(["$.customer.email"])
    for path in ("customer", "*", "customer[*]", "customer.*", "x[?(@.y)]", "`parent`"):
        assert made.covers(f"$.transportOrder.{path}")
    assert made.covers("$.transportOrder")
    assert not made.covers("$.transportOrder.lines[*].no")


def test_of_what_a_filter_saw_nothing_redacted_is_kept() -> None:
    made, personal = Redaction(["$.x"]), Personal(frozenset(["ann@example.com", "4711"]))
    trace = [
        {"field": "$.o.a", "operator": "eq", "value": "ann@example.com", "seen": {"b": 4711}},
        {"field": "$.o.a", "operator": "in", "value": ["x"], "seen": 4711, "matched": False},
        {"field": "$.o.a", "operator": "eq", "value": True, "seen": "to ann@exa…", "note": "x"},
    ]
    kept, _ = made.trace(trace, personal)
    assert [(each["value"], each["seen"]) for each in kept] == [
        ("***", "***"),
        (["x"], "***"),
        (True, "to ***…"),
    ]
    closed, _ = made.trace(trace[:1], Personal(unknown=FAULT))
    assert closed == [{"field": "$.o.a", "operator": "eq", "value": FAULT, "seen": FAULT}]


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
