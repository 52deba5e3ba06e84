"""Triggers of rules of routing and deadlines: sql/routing.sql."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

RULES = Path(__file__).parent.parent / "sql" / "routing.sql"

UNDO = """
DROP FUNCTION catalog_routing_history() CASCADE;
DROP TRIGGER catalog_changed ON catalog_routingrule;
DROP TRIGGER catalog_changed ON catalog_deadlinerule;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("catalog", "0010_routing")]
    operations: ClassVar = [migrations.RunSQL(RULES.read_text(), UNDO)]
