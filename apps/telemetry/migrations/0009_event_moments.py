from pathlib import Path

from django.db import migrations

MOMENTS = Path(__file__).parent.parent / "sql" / "moments.sql"


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0008_search")]

    operations = [
        migrations.RunSQL(MOMENTS.read_text(), "DROP INDEX event_moments"),
    ]
