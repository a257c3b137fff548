"""The garbage collector of a process that is meant to run for long."""

import gc

# Of objects that came and did not go, before it looks through the youngest. Python's 700 are a page
# of a list; each look that finds nothing costs the same.
YOUNGEST = 20_000


def settle() -> None:
    """What is loaded by now stays: it is looked through no more.

    Processes that fork from here go on sharing it: the collector writes into what it looks at.
    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNGEST, *gc.get_threshold()[1:])
