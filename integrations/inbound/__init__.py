"""What comes in becomes records: rows of an import are mapped, mails are read.

row.py      one row as it was sent: mapped, checked, matched by its ids
parts.py    its consignments and goods find the stored ones they are
stored.py   rows that wait: brought in together while all goes well, else each by itself
imports.py  many rows: a task that brings them in, at once or by a worker; a dry run
email.py    a mail: stored, read, and made a draft order
"""
