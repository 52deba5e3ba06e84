from pathlib import Path

from django.db import migrations, models

PULSE = Path(__file__).parent.parent / "sql" / "pulse.sql"


class Migration(migrations.Migration):
    dependencies = [("scorecards", "0004_oldest")]

    operations = [
        migrations.RunSQL(PULSE.read_text(), migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Pulse",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "bucket",
                        "facility_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("bucket", models.DateTimeField()),
                ("events", models.BigIntegerField()),
                ("started", models.BigIntegerField()),
                ("settled", models.BigIntegerField()),
            ],
            options={"db_table": "scorecards_pulse", "managed": False},
        ),
    ]
