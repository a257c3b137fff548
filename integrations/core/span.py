"""A span of time as people say it."""


def in_words(seconds: float) -> str:
    """As exact as people want to know it: 250 ms, 7 s, 12 min, 3.5 h, 4 d."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86_400:
        return f"{seconds / 3600:.1f} h".replace(".0 h", " h")
    return f"{seconds / 86_400:.0f} d"
