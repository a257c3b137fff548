"""Show anew who one is: with the password, a code, or both. A failure counts as a failed login."""

from typing import Any

from otms.accounts.lockout import Attempt
from otms.accounts.models import SecondFactor, User


def shows(person: User, address: str, **shown: Any) -> bool:
    """Is all of it right, the `password` and the `code`? Locked, when too much was wrong."""
    attempt = Attempt.to_log_in(person.get_username(), address)
    right = all(check(person, shown[name]) for name, check in _CHECKS.items() if name in shown)
    if right:
        attempt.right()
    else:
        attempt.wrong()
    return right


def _code_is_right(person: User, code: str) -> bool:
    factor = SecondFactor.of(person)
    return factor is not None and factor.accepts(code)


# In this order: a code is spent by looking at it.
_CHECKS: dict[str, Any] = {"password": User.check_password, "code": _code_is_right}
