"""What comes in becomes records: rows of an import are mapped, mails are read.

row.py      one row as it was sent: mapped, checked, matched by its ids
parts.py    its consignments and goods find the stored ones they are
imports.py  many rows: each in a transaction of its own, at once or as a task
email.py    a mail: stored, read, and made a draft order
"""
