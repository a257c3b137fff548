from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "otms.accounts"
    verbose_name = "Accounts"
