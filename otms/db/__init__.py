"""The database engines: Django's own, with one hook more (before_commit.py)."""
