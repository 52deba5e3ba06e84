from pathlib import Path

import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

TABLES = Path(__file__).parent.parent / "sql" / "tables.sql"


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial"), ("catalog", "0002_rules")]

    operations = [
        migrations.RunSQL(TABLES.read_text(), migrations.RunSQL.noop),
        migrations.CreateModel(
            name="BusinessKey",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "transaction_id",
                        "token",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("transaction_id", models.UUIDField()),
                ("token", models.UUIDField()),
                ("kind", models.TextField()),
                ("masked", models.TextField()),
            ],
            options={
                "db_table": "telemetry_businesskey",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("event_key", models.UUIDField(primary_key=True, serialize=False)),
                ("transaction_id", models.UUIDField()),
                ("occurred_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("rank", models.SmallIntegerField()),
                (
                    "outcome",
                    models.SmallIntegerField(
                        choices=[
                            (1, "Ok"),
                            (2, "Retry"),
                            (3, "Failed"),
                            (4, "Dead Letter"),
                            (5, "Manual"),
                            (6, "Cancelled"),
                        ]
                    ),
                ),
                ("attempt", models.SmallIntegerField()),
                (
                    "amount_kind",
                    models.SmallIntegerField(
                        choices=[(1, "Gross"), (2, "Expected Net"), (3, "Paid")], null=True
                    ),
                ),
                ("backfill", models.BooleanField()),
                ("amount_minor", models.BigIntegerField(null=True)),
                ("service_date", models.DateField(null=True)),
                ("event_id", models.TextField()),
                ("ce_source", models.TextField()),
                ("correlation_id", models.TextField()),
                ("payer", models.TextField(null=True)),
                ("error_standard", models.TextField(null=True)),
                ("error_code", models.TextField(null=True)),
                ("error_location", models.TextField(null=True)),
                ("contract_version", models.TextField(null=True)),
            ],
            options={
                "db_table": "telemetry_event",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="IngestBatch",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("received_at", models.DateTimeField()),
                ("events", models.IntegerField()),
                (
                    "state",
                    models.SmallIntegerField(
                        choices=[(0, "Waiting"), (1, "Folded"), (2, "Failed")]
                    ),
                ),
                ("attempts", models.SmallIntegerField()),
                ("error", models.TextField(null=True)),
                ("stored", models.IntegerField(null=True)),
                ("duplicates", models.IntegerField(null=True)),
                ("conflicts", models.IntegerField(null=True)),
                ("folded_at", models.DateTimeField(null=True)),
                ("body", models.BinaryField()),
            ],
            options={
                "db_table": "telemetry_ingestbatch",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Quarantine",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("received_at", models.DateTimeField()),
                ("batch_id", models.UUIDField(null=True)),
                ("index", models.IntegerField(default=0)),
                ("event_id", models.TextField(blank=True, default="")),
                ("code", models.TextField()),
                ("pointer", models.TextField(blank=True, default="")),
                ("message", models.TextField(blank=True, default="")),
                ("view", models.JSONField(default=dict)),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("open", "Open"),
                            ("resubmitted", "Resubmitted"),
                            ("discarded", "Discarded"),
                            ("redriven", "Redriven"),
                        ],
                        default="open",
                    ),
                ),
                ("resolved_at", models.DateTimeField(null=True)),
                ("reason", models.TextField(blank=True, default="")),
                ("tried_version", models.BigIntegerField(default=0)),
                ("first_digest", models.TextField(null=True)),
                ("second_digest", models.TextField(null=True)),
            ],
            options={
                "db_table": "telemetry_quarantine",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Signal",
            fields=[
                ("event_key", models.UUIDField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.SmallIntegerField(
                        choices=[
                            (2, "Checkpoint"),
                            (3, "Finance"),
                            (4, "Heartbeat"),
                            (5, "Contract"),
                        ]
                    ),
                ),
                ("occurred_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("workflow_id", models.IntegerField(null=True)),
                ("facility_id", models.IntegerField(null=True)),
                ("interface_id", models.IntegerField(null=True)),
                ("event_id", models.TextField()),
                ("ce_source", models.TextField()),
                ("data", models.JSONField()),
            ],
            options={
                "db_table": "telemetry_signal",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Source",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=60, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("active", models.BooleanField(default=True)),
            ],
            options={
                "db_table": "telemetry_source",
                "ordering": ["code"],
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="SourceKey",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("prefix", models.CharField(max_length=40, unique=True)),
                ("secret_sha256", models.BinaryField()),
                ("hmac_secret", models.BinaryField(null=True)),
                ("require_signature", models.BooleanField(default=False)),
                (
                    "facility_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), default=list, size=None
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "telemetry_sourcekey",
                "ordering": ["source", "-created_at"],
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Transaction",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("correlation_id", models.TextField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField(null=True)),
                ("stopped_at", models.DateTimeField(null=True)),
                ("business_started_at", models.DateTimeField(null=True)),
                ("business_due_at", models.DateTimeField(null=True)),
                ("business_stopped_at", models.DateTimeField(null=True)),
                ("settled_at", models.DateTimeField(null=True)),
                ("reopened_at", models.DateTimeField(null=True)),
                ("progress_at", models.DateTimeField(null=True)),
                ("trouble_at", models.DateTimeField(null=True)),
                ("failed_at", models.DateTimeField(null=True)),
                ("dead_lettered_at", models.DateTimeField(null=True)),
                ("overdue_at", models.DateTimeField(null=True)),
                ("business_overdue_at", models.DateTimeField(null=True)),
                ("amount_at", models.DateTimeField(null=True)),
                ("payer_at", models.DateTimeField(null=True)),
                ("amount_minor", models.BigIntegerField(null=True)),
                ("events", models.IntegerField()),
                ("trouble_interface_id", models.IntegerField(null=True)),
                ("service_date", models.DateField(null=True)),
                (
                    "settled_as",
                    models.SmallIntegerField(
                        choices=[
                            (1, "In Flight"),
                            (2, "Retrying"),
                            (3, "Failed"),
                            (4, "Dead Lettered"),
                            (5, "Completed"),
                            (6, "Rejected"),
                            (7, "Cancelled"),
                        ],
                        null=True,
                    ),
                ),
                ("progress_rank", models.SmallIntegerField(null=True)),
                ("trouble_rank", models.SmallIntegerField(null=True)),
                (
                    "trouble_as",
                    models.SmallIntegerField(
                        choices=[
                            (1, "In Flight"),
                            (2, "Retrying"),
                            (3, "Failed"),
                            (4, "Dead Lettered"),
                            (5, "Completed"),
                            (6, "Rejected"),
                            (7, "Cancelled"),
                        ],
                        null=True,
                    ),
                ),
                (
                    "amount_kind",
                    models.SmallIntegerField(
                        choices=[(1, "Gross"), (2, "Expected Net"), (3, "Paid")], null=True
                    ),
                ),
                ("attempts", models.SmallIntegerField()),
                ("retries", models.SmallIntegerField()),
                ("manual_touches", models.SmallIntegerField()),
                ("backfill", models.BooleanField()),
                ("payer", models.TextField(null=True)),
                ("error_standard", models.TextField(null=True)),
                ("error_code", models.TextField(null=True)),
                ("error_location", models.TextField(null=True)),
                (
                    "state",
                    models.SmallIntegerField(
                        choices=[
                            (1, "In Flight"),
                            (2, "Retrying"),
                            (3, "Failed"),
                            (4, "Dead Lettered"),
                            (5, "Completed"),
                            (6, "Rejected"),
                            (7, "Cancelled"),
                        ]
                    ),
                ),
                (
                    "sla",
                    models.SmallIntegerField(
                        choices=[(0, "Pending"), (1, "Met"), (2, "Breached"), (3, "Excluded")]
                    ),
                ),
                (
                    "business_sla",
                    models.SmallIntegerField(
                        choices=[(0, "Pending"), (1, "Met"), (2, "Breached"), (3, "Excluded")]
                    ),
                ),
            ],
            options={
                "db_table": "telemetry_transaction",
                "managed": False,
            },
        ),
    ]
