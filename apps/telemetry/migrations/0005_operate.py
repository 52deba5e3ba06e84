from pathlib import Path

import django.contrib.postgres.fields
from django.db import migrations, models

OPERATE = Path(__file__).parent.parent / "sql" / "operate.sql"


class Migration(migrations.Migration):
    dependencies = [
        ("telemetry", "0004_failed_batches"),
    ]

    operations = [
        migrations.RunSQL(OPERATE.read_text(), migrations.RunSQL.noop),
        migrations.CreateModel(
            name="QuarantineOperation",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                (
                    "act",
                    models.TextField(choices=[("resubmit", "Send on"), ("discard", "Give up")]),
                ),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("waiting", "Under way"),
                            ("done", "Done"),
                            ("stopped", "Stopped"),
                            ("undoing", "Being undone"),
                            ("undone", "Undone"),
                        ],
                        default="waiting",
                    ),
                ),
                ("code", models.TextField()),
                ("since", models.DateTimeField(null=True)),
                ("last_id", models.UUIDField()),
                (
                    "scope",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), null=True, size=None
                    ),
                ),
                ("field", models.TextField(blank=True, default="")),
                ("value", models.TextField(blank=True, default="")),
                ("reason", models.TextField(blank=True, default="")),
                ("total", models.IntegerField()),
                ("changed", models.IntegerField(default=0)),
                ("refused", models.IntegerField(default=0)),
                ("restored", models.IntegerField(default=0)),
                ("asked_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "telemetry_quarantineoperation",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="SourceQuarter",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "quarter",
                        "source_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("quarter", models.DateTimeField()),
                ("batches", models.IntegerField()),
                ("events", models.IntegerField()),
                ("rejected", models.IntegerField()),
                ("last_at", models.DateTimeField()),
            ],
            options={
                "db_table": "telemetry_sourcequarter",
                "managed": False,
            },
        ),
    ]
