from pathlib import Path

from django.db import migrations

INGEST = Path(__file__).parent.parent / "sql" / "ingest.sql"


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0001_initial")]

    operations = [migrations.RunSQL(INGEST.read_text(), migrations.RunSQL.noop)]
