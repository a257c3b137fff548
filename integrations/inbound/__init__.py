"""What comes in becomes records: rows of an import are mapped, matched and saved.

row.py      one row as it was sent: mapped, checked, matched by its ids
parts.py    its consignments and goods find the stored ones they are
imports.py  many rows: each in a transaction of its own, at once or as a task
"""
