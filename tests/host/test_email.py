"""Where mail is given to, as one URL."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from otms import env


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("", env.Mail()),
        ("smtp://ann:p%40ss@mail.example.com", env.Mail("mail.example.com", 587, "ann", "p@ss")),
        (
            "smtp://ann%40example.com:pw@mail.example.com:2525",
            env.Mail("mail.example.com", 2525, "ann@example.com", "pw"),
        ),
        (
            "smtps://ann:pw@mail.example.com",
            env.Mail("mail.example.com", 465, "ann", "pw", starttls=False, tls=True),
        ),
        ("smtp://relay?starttls=false", env.Mail("relay", 25, starttls=False)),
    ],
)
def test_mail_is_one_url(url: str, found: env.Mail) -> None:
    assert env.mail(url) == found


@pytest.mark.parametrize(
    "url", ["mail.example.com:587", "http://mail.example.com", "smtp://", "smtp://h:port"]
)
def test_another_url_is_refused_without_showing_the_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"EMAIL_URL.*smtp://user:password@host:587"):
        env.mail(url)


def test_a_password_is_not_sent_in_the_clear() -> None:
    with pytest.raises(ImproperlyConfigured, match="in the clear"):
        env.mail("smtp://ann:pw@relay?starttls=false")
