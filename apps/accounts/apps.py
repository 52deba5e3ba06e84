from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        """Register the system checks and what Django announces; both need the models."""
        from apps.accounts import checks, receivers  # noqa: F401
