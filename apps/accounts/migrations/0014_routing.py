"""Who keeps the rules of routing and the deadlines of money."""

from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

from apps.accounts.services.grants import ensure_roles


def give_to_roles(apps: Any, schema_editor: Any) -> None:
    using = schema_editor.connection.alias
    create_permissions(installed.get_app_config("catalog"), apps=apps, verbosity=0, using=using)
    ensure_roles(apps)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0013_cases"), ("catalog", "0011_routing_rules")]

    operations = [migrations.RunPython(give_to_roles, migrations.RunPython.noop)]
