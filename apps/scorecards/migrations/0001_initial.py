from pathlib import Path

from django.db import migrations, models

TABLES = Path(__file__).parent.parent / "sql" / "tables.sql"


class Migration(migrations.Migration):
    initial = True

    dependencies = [("telemetry", "0001_initial")]

    operations = [
        migrations.RunSQL(TABLES.read_text(), migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Backlog",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workflow_id",
                        "facility_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("open", models.BigIntegerField()),
                ("overdue", models.BigIntegerField()),
                ("business_overdue", models.BigIntegerField()),
                ("troubled", models.BigIntegerField()),
                ("amount_open", models.BigIntegerField()),
                ("amount_at_risk", models.BigIntegerField()),
            ],
            options={
                "db_table": "scorecards_backlog",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="BacklogSnapshot",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "taken_at",
                        "workflow_id",
                        "facility_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("taken_at", models.DateTimeField()),
                ("open", models.IntegerField()),
                ("overdue", models.IntegerField()),
                ("amount_open", models.BigIntegerField()),
                ("under_4_hours", models.IntegerField()),
                ("under_24_hours", models.IntegerField()),
                ("under_3_days", models.IntegerField()),
                ("under_7_days", models.IntegerField()),
                ("over_7_days", models.IntegerField()),
                ("oldest_at", models.DateTimeField()),
            ],
            options={
                "db_table": "scorecards_backlogsnapshot",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Rollup",
            fields=[
                ("events", models.BigIntegerField()),
                ("started", models.BigIntegerField()),
                ("settled", models.BigIntegerField()),
                ("completed", models.BigIntegerField()),
                ("failed", models.BigIntegerField()),
                ("dead_lettered", models.BigIntegerField()),
                ("retried", models.BigIntegerField()),
                ("manual_touches", models.BigIntegerField()),
                ("met", models.BigIntegerField()),
                ("breached", models.BigIntegerField()),
                ("excluded", models.BigIntegerField()),
                ("business_met", models.BigIntegerField()),
                ("business_breached", models.BigIntegerField()),
                ("business_excluded", models.BigIntegerField()),
                ("amount_started", models.BigIntegerField()),
                ("amount_settled", models.BigIntegerField()),
                ("amount_completed", models.BigIntegerField()),
                ("amount_at_risk", models.BigIntegerField()),
                ("latencies", models.BigIntegerField()),
                ("latency_ms", models.DecimalField(decimal_places=0, max_digits=40)),
                ("latency_histogram", models.DecimalField(decimal_places=0, max_digits=2000)),
                ("business_latencies", models.BigIntegerField()),
                ("business_latency_ms", models.DecimalField(decimal_places=0, max_digits=40)),
                (
                    "business_latency_histogram",
                    models.DecimalField(decimal_places=0, max_digits=2000),
                ),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "grain",
                        "bucket",
                        "workflow_id",
                        "facility_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "grain",
                    models.SmallIntegerField(choices=[(1, "Minute"), (2, "Hour"), (3, "Day")]),
                ),
                ("bucket", models.DateTimeField()),
            ],
            options={
                "db_table": "scorecards_rollup",
                "managed": False,
            },
        ),
    ]
