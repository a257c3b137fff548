"""What somebody would build instead: an order in, a task for each, the usual libraries.

Nested serializers of Django REST framework, the ORM, one Celery task for each order, `requests`,
and a record of the attempt. No tenants, no authentication, no filters: each would cost more.
"""
