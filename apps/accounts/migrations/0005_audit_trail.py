"""The audit trail, and who may read it."""

from pathlib import Path
from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

from apps.accounts.services.grants import ensure_roles

TRAIL = Path(__file__).parent.parent / "sql" / "audit.sql"


def give_to_roles(apps: Any, schema_editor: Any) -> None:
    create_permissions(
        installed.get_app_config("accounts"),
        apps=apps,
        verbosity=0,
        using=schema_editor.connection.alias,
    )
    ensure_roles(apps)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_system_status")]

    operations = [
        migrations.RunSQL(TRAIL.read_text(), migrations.RunSQL.noop),
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("actor_id", models.BigIntegerField(null=True)),
                ("actor", models.TextField()),
                ("act", models.TextField()),
                ("on", models.TextField(db_column="object")),
                ("facility_id", models.IntegerField(null=True)),
                ("facts", models.JSONField()),
                ("origin", models.TextField()),
                ("request", models.TextField()),
                ("mac", models.BinaryField()),
                ("seq", models.BigIntegerField(null=True)),
                ("hash", models.BinaryField(null=True)),
            ],
            options={
                "db_table": "accounts_auditevent",
                "managed": False,
                "default_permissions": (),
            },
        ),
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
                ],
            },
        ),
        migrations.RunPython(give_to_roles, migrations.RunPython.noop),
    ]
