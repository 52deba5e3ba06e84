from pathlib import Path

from django.db import migrations, models

QUARANTINE = Path(__file__).parent.parent / "sql" / "quarantine.sql"


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0002_ingest")]

    operations = [
        migrations.RunSQL(QUARANTINE.read_text(), migrations.RunSQL.noop),
        migrations.CreateModel(
            name="QuarantineDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "source_id",
                        "day",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("day", models.DateField()),
                ("kept", models.IntegerField()),
                ("overflow", models.IntegerField()),
            ],
            options={"db_table": "telemetry_quarantineday", "managed": False},
        ),
    ]
