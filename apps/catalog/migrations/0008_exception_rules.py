"""Triggers and views of kinds of exceptions: sql/exceptions.sql."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

RULES = Path(__file__).parent.parent / "sql" / "exceptions.sql"

UNDO = """
DROP FUNCTION catalog_meaning(text, text, text, bigint, text);
DROP VIEW catalog_signal_rule;
DROP FUNCTION catalog_pattern(text);
DROP FUNCTION catalog_playbook_history() CASCADE;
DROP TRIGGER catalog_changed ON catalog_exceptionkind;
DROP TRIGGER catalog_changed ON catalog_playbook;
DROP TRIGGER catalog_changed ON catalog_errorsignal;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("catalog", "0007_exceptions")]
    operations: ClassVar = [migrations.RunSQL(RULES.read_text(), UNDO)]
