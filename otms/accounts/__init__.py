"""Who uses it: platforms, users, tokens, sessions; and whose record is whose."""
