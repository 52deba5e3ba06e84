"""Sessions that know whose they are and when they end, and the cache that sign-in limits live in."""

from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SESSIONS = Path(__file__).parent.parent / "sql" / "sessions.sql"
DROP = """
DROP TRIGGER accounts_end_sessions ON accounts_user;
DROP FUNCTION accounts_end_sessions();
DROP TABLE accounts_cache;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_operate")]

    operations = [
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "session_key",
                    models.CharField(
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                        verbose_name="session key",
                    ),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("started_at", models.DateTimeField()),
                ("last_active_at", models.DateTimeField()),
                ("address", models.GenericIPAddressField(null=True)),
                ("agent", models.CharField(blank=True, max_length=200)),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
                "abstract": False,
            },
        ),
        migrations.RunSQL(SESSIONS.read_text(), DROP),
    ]
