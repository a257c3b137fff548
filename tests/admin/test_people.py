"""People and their tokens."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse, reverse_lazy

from otms.accounts.models import PersonalToken, User
from tests.admin.conftest import Browser, errors, staff, told


def test_a_new_person_belongs_to_the_own_platform(own: SimpleNamespace, browser: Browser) -> None:
    password = "a long and quiet word"
    browser.saved(
        reverse("admin:accounts_user_add"),
        username="new",
        usable_password="true",
        password1=password,
        password2=password,
    )
    made = User.objects.get(username="new")
    assert made.platform == own.platform
    assert made.check_password(password)


def test_a_password_is_changed(
    own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    person = staff(own.platform, username="forgetful")
    password = "a long and quiet word"
    typed = {"usable_password": "true", "password1": password, "password2": password}
    for each in (person, foreign.user):
        address = reverse("admin:auth_user_password_change", args=[each.pk])
        browser.client.post(address, typed)
        each.refresh_from_db()
    assert person.check_password(password)
    assert not foreign.user.check_password(password)


def test_the_own_password_is_changed(browser: Browser) -> None:
    assert browser.open(reverse("admin:password_change")).status_code == 200


ADD = reverse_lazy("admin:accounts_user_add")


def page_of(person: User) -> str:
    return reverse("admin:accounts_user_change", args=[person.pk])


def test_an_owner_makes_a_person_and_chooses_the_role(own: SimpleNamespace) -> None:
    browser = Browser(staff(own.platform, username="owner"))
    browser.saved(str(ADD), username="sue", usable_password="false", role="support")
    sue = User.objects.get(username="sue")
    assert (sue.role, sue.is_staff, sue.platform) == ("support", True, own.platform)
    assert "support" in browser.html(reverse("admin:accounts_user_changelist"))
    browser.saved(page_of(sue), role="integration manager")
    assert User.objects.get(pk=sue.pk).role == "integration manager"
    browser.saved(page_of(sue), role="")
    assert User.objects.get(pk=sue.pk).role == ""


def test_an_owner_makes_no_operator(own: SimpleNamespace) -> None:
    browser = Browser(staff(own.platform, username="owner"))
    sue = staff(own.platform, username="sue", role="support")
    assert "is_superuser" not in browser.html(page_of(sue))
    browser.saved(page_of(sue), is_superuser="on", user_permissions=["1"])
    sue.refresh_from_db()
    assert not sue.is_superuser
    assert not sue.user_permissions.exists()


def test_the_last_owner_is_neither_demoted_nor_made_inactive(own: SimpleNamespace) -> None:
    own.user.groups.clear()  # an operator, and no owner
    ann = staff(own.platform, username="ann")
    for browser in (Browser(ann), Browser(own.user)):
        answer = browser.send(page_of(ann), role="support")
        assert "last owner" in str(errors(answer)["role"])
        answer = browser.send(page_of(ann), is_active="")
        assert "last owner" in str(errors(answer)["is_active"])
    ann.refresh_from_db()
    assert (ann.role, ann.is_active) == ("owner", True)
    bob = staff(own.platform, username="bob")
    answer = Browser(ann).send(page_of(ann), role="support")
    assert errors(answer)["role"] == ["Nobody changes their own role: another owner does."]
    Browser(bob).saved(page_of(ann), role="support")
    assert User.objects.get(pk=ann.pk).role == "support"


def test_a_role_that_may_more_is_not_given(own: SimpleNamespace) -> None:
    names = Permission.objects.filter(group__name="support").values_list("codename", flat=True)
    may = ["get:user", "create:user", "update:user", *names]
    helper = Browser(staff(own.platform, username="helper", may=may))
    peer = staff(own.platform, username="peer", role="read-only")
    html = helper.html(page_of(peer))
    assert "support: " in html
    assert "integration manager: " not in html
    for role in ("owner", "integration manager"):
        answer = helper.send(page_of(peer), role=role)
        assert "role" in errors(answer)
        answer = helper.send(str(ADD), username="x", usable_password="false", role=role)
        assert "role" in errors(answer)
    helper.saved(page_of(peer), role="support")
    assert User.objects.get(pk=peer.pk).role == "support"


def test_the_operator_gives_single_permissions_by_their_names(
    own: SimpleNamespace, browser: Browser
) -> None:
    sue = staff(own.platform, username="sue", role="support")
    permission = Permission.objects.get(codename="update:integration")
    assert ">update:integration</option>" in browser.html(page_of(sue))
    browser.saved(page_of(sue), user_permissions=[str(permission.pk)])
    assert User.objects.get(pk=sue.pk).allows("update:integration")


def test_people_are_found_by_their_role(own: SimpleNamespace, browser: Browser) -> None:
    staff(own.platform, username="sue", role="support")
    staff(own.platform, username="nina", role="")
    people = reverse("admin:accounts_user_changelist")
    for role, name in (("support", "sue"), ("none", "nina")):
        html = browser.html(f"{people}?role={role}")
        assert ("sue" in html) == (name == "sue")
        assert ("nina" in html) == (name == "nina")


def test_nobody_gives_more_than_they_have(own: SimpleNamespace) -> None:
    helper = staff(own.platform, username="helper", may=("get:user", "update:user"))
    address = reverse("admin:accounts_user_change", args=[helper.pk])
    Browser(helper).saved(address, is_superuser="on", first_name="Hel")
    helper.refresh_from_db()
    assert helper.first_name == "Hel"
    assert not helper.is_superuser


def test_a_token_is_revoked(
    own: SimpleNamespace, foreign: SimpleNamespace, browser: Browser
) -> None:
    pks = [str(own.token.pk), str(foreign.token.pk)]
    browser.client.post(
        reverse("admin:accounts_personaltoken_changelist"),
        {"action": "revoke", "_selected_action": pks},
    )
    tokens = PersonalToken.objects.across_platforms()
    assert tokens.get(pk=own.token.pk).revoked_at
    assert tokens.get(pk=foreign.token.pk).revoked_at is None


def test_a_token_is_revoked_once(own: SimpleNamespace) -> None:
    token, text = PersonalToken.generate(own.user, "laptop")
    assert PersonalToken.valid(text) == token
    assert token.revoke()
    assert PersonalToken.valid(text) is None
    first = PersonalToken.objects.of(own.platform).get(pk=token.pk)
    assert not token.revoke()
    again = PersonalToken.objects.of(own.platform).get(pk=token.pk)
    assert (again.revoked_at, again.updated_at) == (first.revoked_at, first.updated_at)
    assert again.updated_at > token.updated_at


PASSWORD = "Taken0ver!!9"
EDIT = ("get:user", "update:user", "get:user:tokens", "delete:user:token")


def grant(person: User, *codes: str) -> User:
    person.user_permissions.add(*Permission.objects.filter(codename__in=codes))
    return person


def grown(own: SimpleNamespace, way: str) -> User:
    """Somebody who may more than the clerk, in one way or the other."""
    fields = {"is_superuser": True} if "superuser" in way else {}
    active = "inactive" not in way
    person = staff(own.platform, username="chief", role="", is_active=active, **fields)
    if "permission" in way:
        grant(person, "delete:integration")
    if "group" in way:
        group = Group.objects.create(name="chiefs")
        group.permissions.add(Permission.objects.get(codename="delete:integration"))
        person.groups.add(group)
    return person


WAYS = ["superuser", "inactive superuser", "permission", "inactive permission", "group"]


@pytest.fixture
def clerk(own: SimpleNamespace) -> User:
    """Who may change people, and nothing else."""
    return staff(own.platform, username="clerk", may=EDIT)


@pytest.mark.parametrize("way", WAYS)
def test_nobody_is_taken_over_by_somebody_who_may_less(
    own: SimpleNamespace, clerk: User, way: str
) -> None:
    chief = grown(own, way)
    before = User.objects.values().get(pk=chief.pk)
    page = reverse("admin:accounts_user_change", args=[chief.pk])
    password = reverse("admin:auth_user_password_change", args=[chief.pk])
    browser = Browser(clerk)
    seen = browser.client.get(page)
    assert seen.status_code == 200  # to be read
    assert not seen.context["has_change_permission"]
    assert password not in seen.content.decode()
    typed = {"username": "mine", "email": "mine@example.com", "is_active": "on"}
    assert browser.client.post(page, typed).status_code == 403
    assert browser.client.get(password).status_code == 403
    new = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    assert browser.client.post(password, new).status_code == 403
    assert browser.client.post(password, {"unset-password": "1"}).status_code == 403
    assert User.objects.values().get(pk=chief.pk) == before


@pytest.mark.parametrize("codes", [("get:user",), EDIT])
def test_nobody_deletes_people(own: SimpleNamespace, codes: tuple[str, ...]) -> None:
    chief, peer = grown(own, "permission"), staff(own.platform, username="peer", role="")
    browser = Browser(staff(own.platform, username="clerk", may=codes))
    for person in (chief, peer):
        page = reverse("admin:accounts_user_delete", args=[person.pk])
        assert browser.client.get(page).status_code == 403
        assert browser.client.post(page, {"post": "yes"}).status_code == 403
    pks = [str(person.pk) for person in (chief, peer)]
    asked = {"action": "delete_selected", "_selected_action": pks, "post": "yes"}
    browser.client.post(reverse("admin:accounts_user_changelist"), asked)
    assert User.objects.filter(pk__in=pks).count() == 2


def test_looking_at_people_changes_nobody(own: SimpleNamespace) -> None:
    looker = staff(own.platform, username="looker", may=["get:user"])
    peer = staff(own.platform, username="peer", role="")
    for person in (looker, peer):
        page = reverse("admin:accounts_user_change", args=[person.pk])
        password = reverse("admin:auth_user_password_change", args=[person.pk])
        client = Browser(looker).client
        assert client.get(page).status_code == 200
        assert client.post(page, {"username": "mine"}).status_code == 403
        assert client.get(password).status_code == 403
        new = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
        assert client.post(password, new).status_code == 403
        person.refresh_from_db()
        assert not person.check_password(PASSWORD)


def test_who_may_no_more_can_be_changed(own: SimpleNamespace, clerk: User) -> None:
    peer = staff(own.platform, username="peer", may=["get:user"])
    browser = Browser(clerk)
    browser.saved(reverse("admin:accounts_user_change", args=[peer.pk]), first_name="Pia")
    new = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    address = reverse("admin:auth_user_password_change", args=[peer.pk])
    assert browser.client.post(address, new).status_code == 302
    peer.refresh_from_db()
    assert peer.first_name == "Pia"
    assert peer.check_password(PASSWORD)


def test_a_superuser_changes_everybody(own: SimpleNamespace, browser: Browser) -> None:
    for way in ("permission", "inactive superuser"):
        chief = grown(own, way)
        page = reverse("admin:accounts_user_change", args=[chief.pk])
        browser.saved(page, username=way.replace(" ", "-"), first_name="Kim")
        chief.refresh_from_db()
        assert chief.first_name == "Kim"


@pytest.mark.parametrize("way", WAYS)
def test_the_tokens_of_who_may_more_are_theirs(own: SimpleNamespace, clerk: User, way: str) -> None:
    chief, peer = grown(own, way), staff(own.platform, username="peer", role="")
    theirs, _ = PersonalToken.generate(chief, "chief's")
    peers, _ = PersonalToken.generate(peer, "peer's")
    mine, _ = PersonalToken.generate(clerk, "mine")
    answer = Browser(clerk).client.post(
        reverse("admin:accounts_personaltoken_changelist"),
        {"action": "revoke", "_selected_action": [str(t.pk) for t in (theirs, peers, mine)]},
        follow=True,
    )
    assert told(answer) == (
        "2 revoked; they are refused from now on. "
        "1 left as they are: their people may do more than you."
    )
    tokens = PersonalToken.objects.of(own.platform)
    assert tokens.get(pk=theirs.pk).revoked_at is None
    assert tokens.get(pk=peers.pk).revoked_at
    assert tokens.get(pk=mine.pk).revoked_at


def test_looking_at_tokens_revokes_none(own: SimpleNamespace) -> None:
    looker = staff(own.platform, username="looker", may=["get:user:tokens"])
    token, _ = PersonalToken.generate(own.user, "not theirs")
    client = Browser(looker).client
    asked = {"action": "revoke", "_selected_action": [str(token.pk)]}
    client.post(reverse("admin:accounts_personaltoken_changelist"), asked)
    page = reverse("admin:accounts_personaltoken_change", args=[token.pk])
    assert client.post(page, {"name": "x"}).status_code == 403
    assert (
        client.post(
            reverse("admin:accounts_personaltoken_delete", args=[token.pk]), {"post": "yes"}
        ).status_code
        == 403
    )
    assert PersonalToken.objects.of(own.platform).get(pk=token.pk).revoked_at is None
