"""The eight roles as groups with their permissions."""

from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

from apps.accounts.services.grants import ensure_roles


def create_roles(apps: Any, schema_editor: Any) -> None:
    # Django makes permissions after all migrations; the groups need them now.
    for label in ("auth", "catalog", "accounts"):
        create_permissions(
            installed.get_app_config(label),
            apps=apps,
            verbosity=0,
            using=schema_editor.connection.alias,
        )
    ensure_roles(apps)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_capabilities_grants_tokens"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [migrations.RunPython(create_roles, migrations.RunPython.noop)]
