"""Staff install an app by filling in a form; the target has the last word."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from integrations.models import AppInstallation, Integration, IntegrationObject, Status
from tests import make
from tests.admin.conftest import Browser, errors, staff, told
from tests.conftest import Api
from tests.sink import Sink

pytestmark = pytest.mark.django_db(transaction=True)

STORE = "/admin/integrations/appinstallation/"
SLACK = f"{STORE}add/?app=slack"
WEBHOOK = f"{STORE}add/?app=signed-webhook"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def page(installation: AppInstallation) -> str:
    return reverse("admin:integrations_appinstallation_change", args=[installation.pk])


def only(own: SimpleNamespace) -> AppInstallation:
    return AppInstallation.objects.of(own.platform).exclude(pk=own.installation.pk).get()


def of(own: SimpleNamespace) -> Any:
    return Integration.objects.of(own.platform).exclude(installation=None)


def test_the_store_shows_every_app_and_what_is_installed(
    own: SimpleNamespace, browser: Browser
) -> None:
    html = browser.html(STORE)
    for key in ("slack", "signed-webhook", "postgresql-warehouse"):
        assert f'href="add/?app={key}"' in html
    assert "own-app" in html
    assert "INSTALLING" in html


def test_an_app_is_installed_with_a_form(
    own: SimpleNamespace, browser: Browser, sink: Sink
) -> None:
    form = browser.html(SLACK)
    assert 'name="setting_webhookUrl"' in form
    assert 'type="password"' in form
    answer = browser.send(SLACK, name="Drivers", setting_webhookUrl=sink.url("/slack/open"))
    assert "its target said yes" in told(answer)
    made = only(own)
    assert (made.name, made.status, made.installed_by) == ("Drivers", "ACTIVE", own.user.username)
    assert made.settings["statuses"][0] == "requested"
    assert of(own).get().enabled


def test_what_the_target_says_stands_in_the_form(
    own: SimpleNamespace, browser: Browser, sink: Sink
) -> None:
    answer = browser.send(SLACK, name="Drivers", setting_webhookUrl=sink.url("/slack/wrong"))
    assert "no_service" in str(errors(answer)["setting_webhookUrl"])
    answer = browser.send(WEBHOOK, setting_url=sink.url(f"/signed/{SECRET}"), setting_secret="no")
    assert "answered 401" in str(errors(answer)["__all__"])
    answer = browser.send(SLACK, name="own-app", setting_webhookUrl=sink.url("/slack/open"))
    assert "choose another name" in str(errors(answer)["name"])
    assert AppInstallation.objects.of(own.platform).count() == 1
    assert not of(own).exists()


def test_the_token_is_shown_this_once(own: SimpleNamespace, browser: Browser, sink: Sink) -> None:
    given = {"setting_url": sink.url(f"/signed/{SECRET}"), "setting_secret": SECRET}
    answer = browser.send(WEBHOOK, **given)
    token = answer.context["shown"]["token"]
    assert token in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    order = make.OrderFactory(platform=own.platform)
    Api(token).ok("GET", f"transportOrder/{order.pk}")
    assert token not in browser.html(page(only(own)))


def test_settings_are_changed_and_secrets_stay(
    own: SimpleNamespace, browser: Browser, sink: Sink
) -> None:
    given = {"setting_url": sink.url(f"/signed/{SECRET}"), "setting_secret": SECRET}
    browser.send(WEBHOOK, **given)
    made = only(own)
    assert SECRET not in browser.html(page(made)).replace(f"/signed/{SECRET}", "")
    browser.saved(page(made), setting_actions=["deleted"])
    made.refresh_from_db()
    assert (made.settings["actions"], made.secrets["secret"]) == (["deleted"], SECRET)
    assert of(own).get().trigger["actions"] == ["deleted"]
    answer = browser.send(page(made), setting_url="http://127.0.0.2:9/")
    assert "type the secret again" in str(errors(answer)["setting_secret"])


def test_uninstalling_says_what_it_means_and_does_it(
    own: SimpleNamespace, browser: Browser, sink: Sink
) -> None:
    given = {"setting_url": sink.url(f"/signed/{SECRET}"), "setting_secret": SECRET}
    browser.send(WEBHOOK, **given)
    made = only(own)
    make.OrderFactory(platform=own.platform)
    where = reverse("admin:integrations_appinstallation_delete", args=[made.pk])
    html = browser.html(where)
    assert "Uninstall Signed webhook?" in html
    assert "1 waiting in its queue is cancelled" in html
    assert "Its access token is refused" in html
    answer = browser.client.post(where, {"post": "yes"}, follow=True)
    assert "was uninstalled" in told(answer)
    made.refresh_from_db()
    assert made.status == "UNINSTALLED"
    queue = IntegrationObject.objects.of(own.platform).filter(integration__installation=made)
    assert queue.get().status == Status.CANCELLED
    assert 'name="_save"' not in browser.html(page(made))


def test_an_address_without_an_app_leads_to_the_store(browser: Browser) -> None:
    assert browser.open(f"{STORE}add/?app=moon").redirect_chain == [(STORE, 302)]


def test_who_may_only_look_installs_nothing(own: SimpleNamespace) -> None:
    helper = staff(own.platform, username="helper", role="read-only")
    looks = Browser(helper)
    assert "add/?app=" not in looks.html(STORE)
    assert looks.client.get(SLACK).status_code == 403
    assert "own-app" in looks.html(page(own.installation))
