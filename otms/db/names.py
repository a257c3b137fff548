"""What a record can be called, as far as one can look for it."""

LONGEST = 300  # characters of a name, a number, an id; none is longer


def is_none(asked: str) -> bool:
    """Can nothing be called so? The databases refuse to look for some of it."""
    return len(asked) > LONGEST or "\0" in asked
