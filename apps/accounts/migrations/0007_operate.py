"""Who folds again, looks things up in the catalogue, proposes changes of it and approves them."""

from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

from apps.accounts.services.grants import ensure_roles


def give_to_roles(apps: Any, schema_editor: Any) -> None:
    create_permissions(
        installed.get_app_config("accounts"),
        apps=apps,
        verbosity=0,
        using=schema_editor.connection.alias,
    )
    ensure_roles(apps)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_exports")]

    operations = [
        migrations.AlterModelOptions(
            name="capability",
            options={
                "default_permissions": (),
                "managed": False,
                "permissions": [
                    ("view_scorecards", "See scorecards, backlog and latency of own facilities"),
                    ("view_transactions", "See single transactions and their timeline"),
                    ("view_quarantine", "See refused events"),
                    ("resolve_quarantine", "Correct, resubmit or discard refused events"),
                    ("rotate_source_keys", "Issue and revoke the keys of sources"),
                    ("administer_network", "Administer people, sources and keys of every facility"),
                    ("view_system_status", "See how the product itself runs"),
                    ("view_audit", "Read the audit trail"),
                    ("export_tables", "Download the tables that own pages show"),
                    ("export_many_rows", "Download more than 5,000 rows at once"),
                    ("export_money", "Download amounts of money with a table"),
                    ("retry_batches", "Fold batches again that were given up"),
                    ("view_catalogue", "See places, systems, interfaces, workflows and targets"),
                    ("propose_changes", "Propose changes of targets and mappings"),
                    ("approve_changes", "Approve changes that others proposed"),
                ],
            },
        ),
        migrations.RunPython(give_to_roles, migrations.RunPython.noop),
    ]
