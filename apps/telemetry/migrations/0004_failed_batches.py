from pathlib import Path

from django.db import migrations

FAILED = Path(__file__).parent.parent / "sql" / "failed.sql"


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0003_quarantine_bounds")]

    operations = [migrations.RunSQL(FAILED.read_text(), migrations.RunSQL.noop)]
