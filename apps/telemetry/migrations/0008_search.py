from pathlib import Path

from django.db import migrations, models

SEARCH = Path(__file__).parent.parent / "sql" / "search.sql"


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0007_dropped_duplicates")]

    operations = [
        migrations.RunSQL(SEARCH.read_text(), migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Search",
            fields=[
                ("token", models.TextField(primary_key=True, serialize=False)),
                ("user_id", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("label", models.TextField()),
                ("found", models.TextField()),
                ("hits", models.SmallIntegerField()),
                ("sealed", models.BinaryField(null=True)),
            ],
            options={"db_table": "telemetry_search", "managed": False},
        ),
    ]
