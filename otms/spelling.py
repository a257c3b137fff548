"""What was probably meant by a word that nobody knows."""

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 100  # comparing takes time that grows with the square of the length


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Name the nearest known word as a question, or say nothing."""
    meant = nearest(word, known)
    return f" Did you mean `{meant}`?" if meant else ""


def nearest(word: object, known: Iterable[str]) -> str:
    """The known word that is most like it; empty if none is like it at all."""
    lowered = {each.lower(): each for each in known}
    near = get_close_matches(str(word).lower()[:LONGEST], lowered, n=1, cutoff=0.6)
    return lowered[near[0]] if near else ""


def is_near(word: object, known: Iterable[str]) -> bool:
    """Is it so near to one of these that no other can be meant?"""
    lowered = [each.lower() for each in known]
    return bool(get_close_matches(str(word).lower()[:LONGEST], lowered, n=1, cutoff=0.7))
