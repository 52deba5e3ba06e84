"""Who sees exception cases, works them, assigns them to others, and dismisses them for good."""

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
    dependencies = [("accounts", "0012_exceptions")]

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
                    ("view_people", "See people, their roles and facilities"),
                    (
                        "manage_people",
                        "Give and take roles and facilities, open and close accounts",
                    ),
                    ("confirm_roles", "Confirm sensitive roles as the second person"),
                    ("review_access", "Review and sign off who may do what"),
                    ("view_cases", "See exception cases of every kind"),
                    ("work_cases", "Work exception cases of every kind"),
                    ("work_technical_cases", "Work exception cases of technical kinds"),
                    ("work_financial_cases", "See and work exception cases of money kinds"),
                    ("assign_cases", "Assign cases to others, escalated ones too, and reopen them"),
                    ("dismiss_for_good", "Dismiss cases for good"),
                ],
            },
        ),
        migrations.RunPython(give_to_roles, migrations.RunPython.noop),
    ]
