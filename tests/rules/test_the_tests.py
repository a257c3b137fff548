"""What makes the tests fast leaves nothing out: each begins with the same rows, each is run."""

import pytest
from django.contrib.auth.models import Group

from otms.accounts.models import Platform
from tests import make
from tests.conftest import AfterACommit, may_reach


@pytest.mark.django_db(transaction=True)
def test_what_a_test_commits_is_gone_and_the_roles_are_as_they_were() -> None:
    after = AfterACommit()
    there = {group: group.permissions.count() for group in Group.objects.all()}
    assert len(there) > 2
    make.OrderFactory()
    after.clean()
    assert not Platform.objects.exists()
    assert set(Group.objects.all()) == set(there)  # by their ids: nobody made them anew
    Group.objects.filter(pk=min(group.pk for group in there)).delete()
    make.OrderFactory()
    after.clean()
    assert not Platform.objects.exists()
    found = {group.name: group.permissions.count() for group in Group.objects.all()}
    assert found == {group.name: count for group, count in there.items()}


@pytest.mark.django_db
def test_who_has_a_database_is_run_on_both(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("once") is None


@pytest.mark.parametrize("file", ["host/test_cache.py", "stories/test_pages.py"])
def test_who_reaches_it_in_another_way_is_run_on_both(
    file: str, request: pytest.FixtureRequest
) -> None:
    assert may_reach(request.config.rootpath / "tests" / file)
    assert not may_reach(request.config.rootpath / "tests" / "core" / "test_mapping.py")
