"""A window that is shared: half of it for one alone, and always something for who comes new."""

import random
from collections import Counter

from integrations.core.share import Share


def filled(share: Share, *holders: tuple[str, str]) -> Counter[str]:
    """What each has when all take whatever they may, in turn."""
    held: Counter[str] = Counter()
    while willing := [each for each in holders if share.of(*each)]:
        for each in willing:
            if share.of(*each):
                share.take(*each)
                held[each[1]] += 1
    return held


def test_one_that_hangs_leaves_room_for_others() -> None:
    share = Share(120)
    assert filled(share, ("acme", "erp"))["erp"] == 40
    assert share.of("acme", "planning") >= 20
    assert share.of("other", "erp of another") >= 40


def test_many_that_hang_leave_room_for_another_platform() -> None:
    share = Share(128)
    filled(share, *(("acme", f"erp {n}") for n in range(30)))
    assert share.of("other", "erp of another") >= 10


def test_who_holds_none_may_have_one_as_long_as_there_is_one() -> None:
    share = Share(4)
    for n in range(4):
        assert share.of("acme", f"erp {n}") >= 1
        share.take("acme", f"erp {n}")
    assert share.of("acme", "erp 4") == share.of("other", "x") == share.free == 0


def test_it_says_who_may_take_nothing_more() -> None:
    share = Share(120)
    assert share.spent() == []
    filled(share, ("acme", "erp"))
    assert share.spent() == share.copy().spent() == ["erp"]
    share.take("acme", "erp", -40)
    assert share.spent() == []


def test_what_is_given_back_is_free_again() -> None:
    share, chance, taken = Share(100), random.Random(1), []
    for _ in range(2000):
        who = (f"platform {chance.randrange(3)}", f"integration {chance.randrange(9)}")
        if share.of(*who) and chance.random() < 0.6:
            share.take(*who)
            taken.append(who)
        elif taken:
            share.take(*taken.pop(chance.randrange(len(taken))), -1)
        assert share.free == 100 - len(taken) >= 0
    for who in taken:
        share.take(*who, -1)
    assert share.free == 100
    assert not share._held
