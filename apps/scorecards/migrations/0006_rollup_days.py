from pathlib import Path

from django.db import migrations

DAYS = Path(__file__).parent.parent / "sql" / "days.sql"


class Migration(migrations.Migration):
    """Indexed while compactions go on."""

    atomic = False
    dependencies = [("scorecards", "0005_pulse")]

    operations = [migrations.RunSQL(DAYS.read_text(), "DROP INDEX CONCURRENTLY rollup_days")]
