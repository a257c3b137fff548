"""Our intake before a worker that has a task for each object: what the dispatcher brings by itself.

The same change, the same queue row, the same filters, mapping, signature, outcome and logs.
"""
