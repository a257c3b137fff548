"""Who is to be told when something is wrong is told, by mail or by a webhook, once for each alert.

saving.py    recipients are saved and checked;
words.py     what an alert says, to people and to programs;
sending.py   workers send what waits, and try again what went wrong.
"""
