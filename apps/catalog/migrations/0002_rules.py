"""Triggers, views and functions of the catalogue: sql/rules.sql."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

RULES = Path(__file__).parent.parent / "sql" / "rules.sql"

UNDO = """
DROP FUNCTION catalog_dues(smallint, timestamptz, bigint, integer, text);
DROP FUNCTION catalog_due(smallint, timestamptz, bigint, integer, text);
DROP FUNCTION catalog_time_of_day_due(timestamptz, bigint, text);
DROP FUNCTION catalog_business_due(timestamptz, bigint, integer, text);
DROP FUNCTION catalog_business_dues(timestamptz, bigint, integer, text);
DROP VIEW catalog_target_rule, catalog_stage_rule;
ALTER TABLE catalog_clock DROP CONSTRAINT clock_starts_in_own_workflow,
    DROP CONSTRAINT clock_stops_in_own_workflow;
ALTER TABLE catalog_facility DROP CONSTRAINT facility_time_zone_known;
DROP FUNCTION catalog_target_history() CASCADE;
DROP FUNCTION catalog_facility_carry_children() CASCADE;
DROP FUNCTION catalog_facility_place() CASCADE;
DROP FUNCTION catalog_changed() CASCADE;
DROP SEQUENCE catalog_version;
DELETE FROM catalog_catalogversion;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("catalog", "0001_initial")]
    operations: ClassVar = [migrations.RunSQL(RULES.read_text(), UNDO)]
