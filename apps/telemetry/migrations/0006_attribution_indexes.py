from pathlib import Path

from django.db import migrations

ATTRIBUTION = Path(__file__).parent.parent / "sql" / "attribution.sql"


class Migration(migrations.Migration):
    """One statement at a time: a filled table is indexed while folds go on."""

    atomic = False
    dependencies = [("telemetry", "0005_operate")]

    operations = [
        migrations.RunSQL(statement, migrations.RunSQL.noop)
        for statement in ATTRIBUTION.read_text().split(";\n")
        if statement.strip()
    ]
