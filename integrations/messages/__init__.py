"""Message automations: a template and a trigger become an integration that sends e-mail.

One way only: the integration is made anew whenever its automation or its template is saved, and
nobody else changes it.
"""
