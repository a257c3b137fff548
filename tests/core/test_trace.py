"""What a caller says of its trace is read strictly, and handed on."""

from uuid import UUID

import pytest

from integrations.core.trace import LONGEST, LONGEST_STATE, Trace

ID, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{ID}-{SPAN}-01"


def test_a_place_in_a_trace_is_read() -> None:
    trace = Trace.read(PARENT, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
    assert trace == Trace(ID, SPAN, 1, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
    assert Trace.kept(str(trace)) == trace


def test_what_is_handed_on_is_a_new_place_in_the_same_trace() -> None:
    trace = Trace.read(f"00-{ID}-{SPAN}-03", "a=1")
    assert trace
    one, other = trace.next(), trace.next()
    assert {one.id, other.id} == {ID}
    assert len({one.span, other.span, SPAN}) == 3
    assert (one.flags, one.state) == (3, "a=1")
    assert Trace.read(one.parent, one.state) == one


def test_who_does_not_sample_is_handed_on_too() -> None:
    trace = Trace.read(f"00-{ID}-{SPAN}-00")
    assert trace
    assert trace.next().parent.endswith("-00")


@pytest.mark.parametrize("flags", ["fc", "04", "80"])
def test_flags_that_nobody_knows_yet_are_not_handed_on(flags: str) -> None:
    trace = Trace.read(f"00-{ID}-{SPAN}-{flags}")
    assert trace
    assert trace.flags == 0


def test_a_version_of_the_future_is_read_as_far_as_it_is_known() -> None:
    trace = Trace.read(f"cc-{ID}-{SPAN}-01-what-the-future-will-be-like")
    assert trace == Trace(ID, SPAN, 1)
    assert trace.parent == PARENT


@pytest.mark.parametrize(
    "written",
    [
        "",
        "00",
        f"ff-{ID}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{ID}-{'0' * 16}-01",
        f"00-{ID.upper()}-{SPAN}-01",
        f"00-{ID[:-1]}-{SPAN}-01",
        f"00-{ID}-{SPAN}-1",
        f"00-{ID}-{SPAN}-01-more",
        f"cc-{ID}-{SPAN}-01.more",
        f"{PARENT} ",
        f"{PARENT}\n",
        f"{PARENT},{PARENT}",
        f"00-{ID}-{SPAN}-0\u0661",
    ],
)
def test_what_is_no_traceparent_is_none(written: str) -> None:
    assert Trace.read(written, "a=1") is None


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a=1", "a=1"),
        ("a=1, b=2 ,,\tc=3", "a=1,b=2,c=3"),
        ("fw529a3039@dt=FfC/x y", "fw529a3039@dt=FfC/x y"),
        (",".join(f"k{each}=v" for each in range(32)), ",".join(f"k{n}=v" for n in range(32))),
        # From here on it is dropped, and the trace goes on without.
        ("", ""),
        ("A=1", ""),
        ("a", ""),
        ("a=1,a=2", ""),
        ("a=b=c", ""),
        ("a=\u00e9", ""),
        ("a=x\r\nX-Evil: 1", ""),
        (",".join(f"k{each}=v" for each in range(33)), ""),
        (f"a={'v' * 256},b={'v' * 256}", ""),
    ],
)
def test_what_other_systems_noted_is_bounded(written: str, kept: str) -> None:
    trace = Trace.read(PARENT, written)
    assert trace
    assert trace.state == kept
    assert len(trace.state) <= LONGEST_STATE
    assert len(str(trace)) <= LONGEST
    assert Trace.kept(str(trace)) == trace


def test_what_nobody_traces_has_the_trace_of_its_own_id() -> None:
    uuid = UUID("7c9e6679-7425-40de-944b-e07fc1f90ae7")
    one, other = Trace.of(uuid), Trace.of(uuid)
    assert one.id == other.id == uuid.hex
    assert one.span != other.span
    assert Trace.read(one.parent) == one
