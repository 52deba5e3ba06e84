from pathlib import Path

from django.db import migrations

OPEN = Path(__file__).parent.parent / "sql" / "open.sql"


class Migration(migrations.Migration):
    """One statement at a time: a filled table is indexed while folds go on."""

    atomic = False
    dependencies = [("telemetry", "0009_event_moments")]

    operations = [
        migrations.RunSQL(statement, migrations.RunSQL.noop)
        for statement in OPEN.read_text().split(";\n")
        if statement.strip()
    ]
