"""Sensitive roles take a second person, reviews of access are signed; who reads and gives what."""

from pathlib import Path
from typing import Any

import django.db.models.deletion
from django.apps import apps as installed
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

from apps.accounts.services.grants import ensure_roles

SQL = Path(__file__).parent.parent / "sql"


def give_to_roles(apps: Any, schema_editor: Any) -> None:
    create_permissions(
        installed.get_app_config("accounts"),
        apps=apps,
        verbosity=0,
        using=schema_editor.connection.alias,
    )
    ensure_roles(apps)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_sessions"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="capability",
            options={
                "default_permissions": (),
                "managed": False,
                "permissions": [
                    ("view_scorecards", "See scorecards, backlog and latency of own facilities"),
                    ("view_transactions", "See single transactions and their timeline"),
                    ("view_quarantine", "See refused events"),
                    ("resolve_quarantine", "Correct, resubmit or discard refused events"),
                    ("rotate_source_keys", "Issue and revoke the keys of sources"),
                    ("administer_network", "Administer people, sources and keys of every facility"),
                    ("view_system_status", "See how the product itself runs"),
                    ("view_audit", "Read the audit trail"),
                    ("export_tables", "Download the tables that own pages show"),
                    ("export_many_rows", "Download more than 5,000 rows at once"),
                    ("export_money", "Download amounts of money with a table"),
                    ("retry_batches", "Fold batches again that were given up"),
                    ("view_catalogue", "See places, systems, interfaces, workflows and targets"),
                    ("propose_changes", "Propose changes of targets and mappings"),
                    ("approve_changes", "Approve changes that others proposed"),
                    ("view_people", "See people, their roles and facilities"),
                    (
                        "manage_people",
                        "Give and take roles and facilities, open and close accounts",
                    ),
                    ("confirm_roles", "Confirm sensitive roles as the second person"),
                    ("review_access", "Review and sign off who may do what"),
                ],
            },
        ),
        migrations.CreateModel(
            name="AccessReview",
            fields=[
                (
                    "id",
                    models.AutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "verdict",
                    models.CharField(
                        choices=[("keep", "Keep"), ("remove", "Take away")], max_length=6
                    ),
                ),
                ("roles", models.JSONField()),
                ("facilities", models.JSONField()),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reviews",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "reviewer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-at"],
                "default_permissions": (),
                "indexes": [models.Index(fields=["person", "-at"], name="review_latest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("reviewer", models.F("person")), _negated=True),
                        name="review_of_another",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RoleRequest",
            fields=[
                (
                    "id",
                    models.AutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("role", models.CharField(max_length=40)),
                ("requested_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("why", models.CharField(max_length=500)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Waits for a second person"),
                            ("confirmed", "Confirmed"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                            ("expired", "Expired"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("remark", models.CharField(blank=True, max_length=500)),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="role_requests",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["requested_at", "pk"],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "pending")),
                        fields=("person", "role"),
                        name="role_request_pending_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("requested_by", models.F("person")), _negated=True),
                        name="role_request_for_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "confirmed"), _negated=True),
                            models.Q(
                                ("decided_by__isnull", False),
                                models.Q(("decided_by", models.F("requested_by")), _negated=True),
                                models.Q(("decided_by", models.F("person")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="role_request_second_person",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("decided_at__isnull", True), ("state", "pending")),
                            models.Q(
                                models.Q(("state", "pending"), _negated=True),
                                ("decided_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="role_request_decided_with_time",
                    ),
                ],
            },
        ),
        migrations.RunSQL((SQL / "role_requests.sql").read_text(), migrations.RunSQL.noop),
        migrations.RunSQL((SQL / "audit_readers.sql").read_text(), migrations.RunSQL.noop),
        migrations.RunPython(give_to_roles, migrations.RunPython.noop),
    ]
