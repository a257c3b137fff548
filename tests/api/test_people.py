"""A person is blocked: no token and no password of theirs opens anything any more."""

import pytest
from django.contrib.auth.models import Permission

from otms.accounts.models import Platform, User
from tests import make
from tests.conftest import Api

pytestmark = pytest.mark.django_db
LIST = "transportOrders/0/1"


@pytest.fixture
def user(platform: Platform) -> User:
    return make.UserFactory(platform=platform, is_superuser=True)  # type: ignore[no-any-return]


@pytest.fixture
def bob(platform: Platform) -> User:
    return make.UserFactory(platform=platform, username="bob", password="secret")  # type: ignore[no-any-return]


def test_who_is_blocked_is_out_at_once_and_comes_in_no_more(
    api: Api, stranger: Api, bob: User
) -> None:
    body = {"username": "bob", "password": "secret"}
    session = stranger.ok("POST", "user/login", body)["session"]
    callers = [Api(session["access_token"]), Api(make.token(bob))]
    for caller in callers:
        caller.ok("GET", LIST)
    for _ in range(2):
        answer = api.ok("POST", f"user/block/{bob.pk}")
        assert answer["user"] == {"id": str(bob.pk), "username": "bob"}
    for caller in callers:
        caller.refused("GET", LIST, code=401)
    stranger.refused("POST", "user/login", body, code=401)
    renewal = {"refresh_token": session["refresh_token"]}
    stranger.refused("POST", "user/refresh", renewal, code=401)


def test_nobody_blocks_themselves_or_somebody_of_another_platform(api: Api, user: User) -> None:
    api.refused("POST", f"user/block/{user.pk}", code=409)
    other = make.UserFactory()
    api.refused("POST", f"user/block/{other.pk}", code=404)
    other.refresh_from_db()
    assert other.is_active


def test_it_takes_the_permission_and_nobody_blocks_who_may_more(
    api: Api, user: User, bob: User, platform: Platform
) -> None:
    bob.set_role("integration manager")
    caller = Api(make.token(bob))
    carl = make.UserFactory(platform=platform, role="support")
    caller.refused("POST", f"user/block/{carl.pk}", code=403)
    bob.user_permissions.add(Permission.objects.get(codename="block:user"))
    caller.ok("POST", f"user/block/{carl.pk}")
    caller.refused("POST", f"user/block/{user.pk}", code=403)
