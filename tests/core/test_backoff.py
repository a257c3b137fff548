"""Waits grow, spread, respect the partner's wish, and end."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.core.backoff import RetryPolicy, parse_retry_after

START = timedelta(0)
NOW = datetime(2026, 3, 20, 10, 30, tzinfo=UTC)


def wait(policy, attempt, chance=0.0, retry_after=None, elapsed=START):
    return policy.delay(attempt, retry_after=retry_after, elapsed=elapsed, random=lambda: chance)


def test_without_a_schedule_waits_double_until_an_hour():
    fixed = [wait(RetryPolicy(), attempt) for attempt in range(1, 13)]
    assert fixed == [2.5, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 1800, 1800]


def test_half_of_a_wait_is_random():
    assert wait(RetryPolicy(), 3, chance=0.5) == 15
    assert wait(RetryPolicy(), 3, chance=0.999) == pytest.approx(20, abs=0.1)


@settings(deadline=None)
@given(st.integers(1, 9), st.floats(0, 0.999), st.floats(0, 0.999))
def test_each_wait_is_longer_than_the_one_before_until_the_ceiling(attempt, one, other):
    assert wait(RetryPolicy(), attempt, one) < wait(RetryPolicy(), attempt + 1, other)


@pytest.mark.parametrize("attempt", [0, -3, 1_000, 10**9])
def test_no_number_of_attempts_breaks_the_wait(attempt):
    assert 0 < wait(RetryPolicy(), attempt, 0.9) <= 3600


def test_a_schedule_replaces_the_doubling_and_its_last_delay_repeats():
    policy = RetryPolicy(schedule=(5, 30, 300))
    assert [wait(policy, attempt) for attempt in (1, 2, 3, 4, 99)] == [5, 30, 300, 300, 300]


def test_a_schedule_spreads_by_a_tenth_at_most():
    assert wait(RetryPolicy(schedule=(100,)), 1, chance=1.0) == pytest.approx(110)


def test_a_longer_wish_of_the_partner_counts():
    assert wait(RetryPolicy(), 1, retry_after=120) == 120


def test_a_shorter_wish_of_the_partner_does_not_hurry_us():
    assert wait(RetryPolicy(), 6, retry_after=1) == 80


def test_there_is_no_next_attempt_after_the_time_is_used_up():
    policy = RetryPolicy(schedule=(60,), give_up_after=timedelta(hours=1))
    assert wait(policy, 5, elapsed=timedelta(minutes=59)) == 60
    assert wait(policy, 5, elapsed=timedelta(minutes=59, seconds=1)) is None


def test_a_partner_who_asks_for_more_than_the_time_left_gets_one_last_attempt_at_its_end():
    policy = RetryPolicy(give_up_after=timedelta(hours=1))
    assert wait(policy, 1, retry_after=7200) == 3600
    assert wait(policy, 2, retry_after=7200, elapsed=timedelta(minutes=59)) == 60
    assert wait(policy, 3, retry_after=7200, elapsed=timedelta(hours=1)) is None


@pytest.mark.parametrize("status", [None, 408, 425, 429, 500, 502, 503, 599])
def test_a_passing_failure_is_tried_again(status):
    assert RetryPolicy().retries(status)


@pytest.mark.parametrize("status", [200, 301, 400, 401, 404, 409, 422, 499, 600])
def test_a_refusal_is_final(status):
    assert not RetryPolicy().retries(status)


def test_what_is_not_listed_is_not_tried_again():
    policy = RetryPolicy(on=frozenset({503}))
    assert policy.retries(503)
    assert not policy.retries(500)
    assert not policy.retries(None)


@pytest.mark.parametrize("document", [None, {}, {"schedule": None, "on": None}])
def test_what_is_not_said_is_the_default(document):
    assert RetryPolicy.from_document(document) == RetryPolicy()
    assert RetryPolicy().give_up_after == timedelta(days=3)


def test_a_policy_reads_as_the_api_spells_it():
    policy = RetryPolicy.from_document(
        {"schedule": [5, Decimal("30.5")], "giveUpAfter": "P1DT12H", "on": [429, "5xx"]}
    )
    assert policy == RetryPolicy((5.0, 30.5), timedelta(hours=36), frozenset({429, "5xx"}))


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("PT24H", timedelta(hours=24)),
        ("P2W", timedelta(weeks=2)),
        ("PT1H30M15S", timedelta(hours=1, minutes=30, seconds=15)),
        ("P90D", timedelta(days=90)),
    ],
)
def test_a_budget_is_an_iso_duration(text, budget):
    assert RetryPolicy.from_document({"giveUpAfter": text}).give_up_after == budget


@pytest.mark.parametrize(
    "text",
    [
        *("", "P", "PT", "P1DT", "3D", "P1M", "P1Y", "-P1D", "P-1D", "PT0S", "P91D", "p3d"),
        *("P٣D", "P99999999999D", 3, True, ["P3D"], "P3D "),
    ],
)
def test_a_budget_that_is_no_duration_is_a_problem(text):
    problems = RetryPolicy.check({"giveUpAfter": text})
    assert [(p.field, p.code) for p in problems] == [("giveUpAfter", "invalid_duration")]


@pytest.mark.parametrize("schedule", [[], "5", {"a": 1}, [1] * 101, 5])
def test_a_schedule_that_is_no_list_of_delays_is_a_problem(schedule):
    assert [p.field for p in RetryPolicy.check({"schedule": schedule})] == ["schedule"]


@pytest.mark.parametrize("delay", [-1, True, "5", None, 604_801, float("nan"), float("inf"), []])
def test_a_delay_that_is_no_number_of_seconds_is_named_by_its_place(delay):
    assert [p.field for p in RetryPolicy.check({"schedule": [5, delay]})] == ["schedule[1]"]


@pytest.mark.parametrize("entry", [99, 600, "4xx", True, None, 429.0, [429], {}])
def test_a_failure_nobody_knows_is_named_by_its_place(entry):
    assert [p.field for p in RetryPolicy.check({"on": [429, entry]})] == ["on[1]"]


def test_every_problem_is_reported_at_once():
    problems = RetryPolicy.check({"schedul": [5], "giveUpAfter": "soon", "on": 5})
    assert [p.field for p in problems] == ["schedul", "giveUpAfter", "on"]
    assert "Did you mean `schedule`?" in problems[0].message


def test_a_broken_policy_is_not_read():
    with pytest.raises(ValueError, match=r"schedule\[0\]"):
        RetryPolicy.from_document({"schedule": ["soon"]})


@pytest.mark.parametrize("document", ["P3D", [], 5])
def test_a_policy_that_is_no_object_is_a_problem(document):
    assert [p.code for p in RetryPolicy.check(document)] == ["invalid_policy"]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        ("Fri, 20 Mar 2026 10:31:00 GMT", 60),
        ("Fri, 20 Mar 2026 10:29:00 GMT", 0),
        ("Fri, 20 Mar 2026 12:31:00 +0200", 60),
        ("99999999", 86_400),
        ("9" * 5_000, 86_400),
        ("Fri, 20 Mar 2099 10:31:00 GMT", 86_400),
    ],
)
def test_a_wish_to_wait_is_seconds_or_a_date_and_at_most_a_day(value, seconds):
    assert parse_retry_after(value, NOW) == seconds


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "١٢", "Fri, 99 Mar 2026 10:00:00 GMT"])
def test_a_wish_nobody_understands_is_none(value):
    assert not parse_retry_after(value, NOW)


@settings(deadline=None)
@given(st.text())
def test_no_header_breaks_the_reading(value):
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= 86_400
