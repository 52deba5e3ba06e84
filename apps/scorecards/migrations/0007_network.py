from pathlib import Path

from django.db import migrations

NETWORK = Path(__file__).parent.parent / "sql" / "network.sql"
BACK = "DROP INDEX rollup_network; DELETE FROM scorecards_rollup WHERE facility_id = 0"


class Migration(migrations.Migration):
    dependencies = [("scorecards", "0006_rollup_days")]

    operations = [migrations.RunSQL(NETWORK.read_text(), BACK)]
