from pathlib import Path

from django.db import migrations

DUPLICATES = Path(__file__).parent.parent / "sql" / "duplicates.sql"


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0006_attribution_indexes")]

    operations = [migrations.RunSQL(DUPLICATES.read_text(), migrations.RunSQL.noop)]
