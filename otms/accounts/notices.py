"""Mails to a person about what others did to how they log in; nothing waits for them."""

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string

log = logging.getLogger(__name__)

# Mail is sent after the answer: how long it takes would tell who has an account.
MAILER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="otms-mailer")


def tell(person: Any, template: str) -> None:
    """Mail it to the person once it is so; the first line of the template is the subject."""
    if not settings.EMAIL_HOST or not person.email:
        return
    context = {"name": person.get_username(), "base": settings.OTMS_PUBLIC_URL}
    subject, _, body = render_to_string(template, context).partition("\n")
    mail = EmailMessage(subject, body.strip() + "\n", to=[person.email])
    transaction.on_commit(partial(MAILER.submit, _send, mail))


def _send(mail: EmailMessage) -> None:
    try:
        mail.send()
    except Exception:
        log.exception("a notice could not be mailed")
