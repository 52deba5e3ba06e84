"""Open seconds between two moments: sql/open_seconds.sql."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

RULES = Path(__file__).parent.parent / "sql" / "open_seconds.sql"
UNDO = "DROP FUNCTION catalog_open_position(timestamptz, integer, text)"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("catalog", "0008_exception_rules")]
    operations: ClassVar = [migrations.RunSQL(RULES.read_text(), UNDO)]
