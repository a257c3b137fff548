from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "otms.accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from otms.accounts import browser, granted, permissions

        browser.connect()
        # Django's add_, change_, view_ and delete_ would be a second vocabulary, of no effect.
        post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
        post_migrate.connect(
            permissions.store, sender=self, dispatch_uid="otms.accounts.permissions.store"
        )
        granted.connect()
