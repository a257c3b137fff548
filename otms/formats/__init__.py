"""How the admin writes moments and numbers, by language; Django reads this by its place."""
