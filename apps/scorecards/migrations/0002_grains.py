from pathlib import Path

from django.db import migrations, models

GRAINS = Path(__file__).parent.parent / "sql" / "grains.sql"


class Migration(migrations.Migration):
    dependencies = [("scorecards", "0001_initial")]

    operations = [
        migrations.RunSQL(GRAINS.read_text(), migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="rollup",
            name="grain",
            field=models.SmallIntegerField(
                choices=[
                    (1, "Minute"),
                    (2, "Hour"),
                    (3, "Day"),
                    (4, "Four Hours"),
                    (5, "Utc Day"),
                    (6, "Eight Days"),
                ]
            ),
        ),
    ]
