"""A first integration with three questions: which orders, called what, sent where."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from integrations import definition, egress
from integrations.admin.links import page_of
from integrations.models.integration import IntegrationType
from otms.accounts.asking import act, allowed
from otms.accounts.platform_admin import PlatformAdmin

CREATED, SAVED, ALL = "created", "created updated", "created updated deleted"
WHEN = {
    CREATED: _("when an order is new"),
    SAVED: _("when an order is new or changed"),
    ALL: _("when an order is new, changed or deleted"),
}
URL = "dataSources[0].settings.url"
WHY = _(
    "The order is sent as JSON by POST. What exactly is sent you choose on the next page, with an "
    "order of yours beside it."
)
MADE = _("It is there, and paused. Choose here what is sent, save it, try it, then start it.")


def valid_address(url: str) -> None:
    """With its scheme: which it is only its owner knows, and a guess would call in vain, or in the
    clear."""
    if "://" not in url:
        text = _("Begin with https:// or http://, as in https://{url}")
        raise ValidationError(text.format(url=url))
    URLValidator(("http", "https"))(url)


class FirstForm(forms.Form):
    """Three questions."""

    url = forms.CharField(
        label=_("Send it to"),
        max_length=2000,
        validators=[valid_address],
        widget=UnfoldAdminTextInputWidget(
            {"placeholder": "https://erp.example.com/orders", "autofocus": True}
        ),
        help_text=_(
            "A key or a token that it asks for has its place on the integration's own page."
        ),
    )
    actions = forms.ChoiceField(
        label=_("Send it"), choices=list(WHEN.items()), widget=UnfoldAdminSelectWidget
    )
    name = forms.CharField(label=_("Call it"), max_length=200, widget=UnfoldAdminTextInputWidget)


class FirstPage(PlatformAdmin):
    """A page of the list of integrations that makes a simple one."""

    @act("create:integration", _("Send orders to a URL"), icon="rocket_launch", url_path="first")
    def first(self, request: HttpRequest) -> HttpResponse:
        """Asks three things; POST makes the integration and leads to its workbench."""
        form = FirstForm(request.POST or None, initial={"name": "Orders to our ERP"})
        if form.is_valid() and (made := _made(request, form)):
            self.message_user(request, MADE, messages.SUCCESS)
            page = page_of(made)
            if allowed(request, "test:mapping"):
                page = reverse("admin:integrations_integration_workbench", args=[made.pk])
            return HttpResponseRedirect(page)
        sheet, title = "admin/integrations/sheet.html", gettext("Send orders to a URL")
        return self.page(request, sheet, title, form=form, button=_("Create it"), why=WHY)


def _made(request: HttpRequest, form: FirstForm) -> Any:
    """The integration; None where something is wrong, which the form tells then."""
    said = form.cleaned_data
    given = {
        "name": said["name"],
        "type": IntegrationType.CONFIGURED,
        "enabled": False,  # or the first order would go as a whole, before anything is mapped
        "trigger": {"entity": "transportOrder", "actions": said["actions"].split()},
        "data_sources": [
            {"name": said["name"], "connector": "webhook", "settings": {"url": said["url"]}}
        ],
    }
    try:
        with egress.remembering():
            return definition.save(request.user.platform, given)  # type: ignore[union-attr]
    except definition.Invalid as error:
        for each in error.problems:
            is_url = each.field == URL
            form.add_error("url" if is_url else None, each.message)
    return None
