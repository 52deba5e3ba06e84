from pathlib import Path

from django.db import migrations, models

OLDEST = Path(__file__).parent.parent / "sql" / "oldest.sql"


class Migration(migrations.Migration):
    dependencies = [("scorecards", "0003_quarters"), ("telemetry", "0001_initial")]

    operations = [
        migrations.RunSQL(OLDEST.read_text(), migrations.RunSQL.noop),
        migrations.AddField("backlog", "oldest_at", models.DateTimeField(null=True)),
    ]
