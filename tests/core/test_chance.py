"""Ids are random, and none is given twice: not to two threads, not to two processes."""

import os
from concurrent.futures import ThreadPoolExecutor

from integrations.core.chance import MANY, random_hex, random_id


def test_an_id_is_a_random_uuid() -> None:
    ids = {random_id() for _ in range(3 * MANY)}
    assert len(ids) == 3 * MANY
    assert {id.version for id in ids} == {4}
    assert {id.variant for id in ids} == {"specified in RFC 4122"}


def test_hexadecimal_is_as_long_as_it_was_asked_for() -> None:
    assert [len(random_hex(size)) for size in (1, 8, 16)] == [2, 16, 32]


def test_threads_have_each_their_own() -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: [random_id() for _ in range(500)], range(16)))
    assert len({id for some in found for id in some}) == 16 * 500


def test_a_forked_process_has_none_of_its_parents() -> None:
    random_id()  # there are more of its piece
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, b"".join(random_id().bytes for _ in range(MANY)))
        os._exit(0)
    os.waitpid(child, 0)
    taken = os.read(reading, 16 * MANY)
    theirs = {taken[at : at + 16] for at in range(0, len(taken), 16)}
    assert len(theirs) == MANY
    assert not theirs & {random_id().bytes for _ in range(MANY)}
