"""An index for who gave what to whom."""

from pathlib import Path

from django.db import migrations

INDEX = Path(__file__).parent.parent / "sql" / "audit_given.sql"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_second_person_and_reviews")]

    operations = [migrations.RunSQL(INDEX.read_text(), migrations.RunSQL.noop)]
