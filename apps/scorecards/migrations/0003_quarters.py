from pathlib import Path

from django.db import migrations, models

QUARTERS = Path(__file__).parent.parent / "sql" / "quarters.sql"


class Migration(migrations.Migration):
    dependencies = [("scorecards", "0002_grains")]

    operations = [
        migrations.RunSQL(QUARTERS.read_text(), migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="rollup",
            name="grain",
            field=models.SmallIntegerField(
                choices=[
                    (1, "Minute"),
                    (7, "Quarter Hour"),
                    (2, "Hour"),
                    (3, "Day"),
                    (4, "Four Hours"),
                    (5, "Utc Day"),
                    (6, "Eight Days"),
                ]
            ),
        ),
    ]
