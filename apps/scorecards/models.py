"""Rollups and the backlog; created by `sql/tables.sql`, written only by `services`."""

from django.db import models


class Measures(models.Model):
    """The additive columns of every rollup: counts, minor units of money, latency histograms."""

    events = models.BigIntegerField()
    started = models.BigIntegerField()
    settled = models.BigIntegerField()
    completed = models.BigIntegerField()
    failed = models.BigIntegerField()
    dead_lettered = models.BigIntegerField()
    retried = models.BigIntegerField()
    manual_touches = models.BigIntegerField()
    met = models.BigIntegerField()
    breached = models.BigIntegerField()
    excluded = models.BigIntegerField()
    business_met = models.BigIntegerField()
    business_breached = models.BigIntegerField()
    business_excluded = models.BigIntegerField()
    amount_started = models.BigIntegerField()
    amount_settled = models.BigIntegerField()
    amount_completed = models.BigIntegerField()
    amount_at_risk = models.BigIntegerField()
    latencies = models.BigIntegerField()
    latency_ms = models.DecimalField(max_digits=40, decimal_places=0)
    latency_histogram = models.DecimalField(max_digits=2000, decimal_places=0)
    business_latencies = models.BigIntegerField()
    business_latency_ms = models.DecimalField(max_digits=40, decimal_places=0)
    business_latency_histogram = models.DecimalField(max_digits=2000, decimal_places=0)

    class Meta:
        abstract = True


class Rollup(Measures):
    """One cell: a workflow at a facility in one minute, hour, facility-local day, or block.

    Quarter-hours and blocks of 4 hours, 1 day and 8 days of UTC are there for windows to be read in
    few rows.
    """

    class Grain(models.IntegerChoices):
        MINUTE = 1
        QUARTER_HOUR = 7
        HOUR = 2
        DAY = 3
        FOUR_HOURS = 4
        UTC_DAY = 5
        EIGHT_DAYS = 6

    pk = models.CompositePrimaryKey("grain", "bucket", "workflow_id", "facility_id")
    grain = models.SmallIntegerField(choices=Grain)
    bucket = models.DateTimeField()
    workflow = models.ForeignKey("catalog.Workflow", models.DO_NOTHING, db_constraint=False)
    facility = models.ForeignKey("catalog.Facility", models.DO_NOTHING, db_constraint=False)

    class Meta:
        managed = False
        db_table = "scorecards_rollup"

    def __str__(self) -> str:
        return f"{self.get_grain_display()} {self.bucket:%Y-%m-%d %H:%M}"


class Backlog(models.Model):
    """What is open now in one cell, kept exact by the same deltas as the rollups."""

    pk = models.CompositePrimaryKey("workflow_id", "facility_id")
    workflow = models.ForeignKey("catalog.Workflow", models.DO_NOTHING, db_constraint=False)
    facility = models.ForeignKey("catalog.Facility", models.DO_NOTHING, db_constraint=False)
    open = models.BigIntegerField()
    overdue = models.BigIntegerField()
    business_overdue = models.BigIntegerField()
    troubled = models.BigIntegerField()
    amount_open = models.BigIntegerField()
    amount_at_risk = models.BigIntegerField()
    # Of the last compaction: sums cannot tell it, so it is looked up for the cells they touch.
    oldest_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "scorecards_backlog"

    def __str__(self) -> str:
        return f"{self.workflow_id} at {self.facility_id}"


class BacklogSnapshot(models.Model):
    """The backlog as it stood: count, money and age of what was open."""

    pk = models.CompositePrimaryKey("taken_at", "workflow_id", "facility_id")
    taken_at = models.DateTimeField()
    workflow = models.ForeignKey("catalog.Workflow", models.DO_NOTHING, db_constraint=False)
    facility = models.ForeignKey("catalog.Facility", models.DO_NOTHING, db_constraint=False)
    open = models.IntegerField()
    overdue = models.IntegerField()
    amount_open = models.BigIntegerField()
    under_4_hours = models.IntegerField()
    under_24_hours = models.IntegerField()
    under_3_days = models.IntegerField()
    under_7_days = models.IntegerField()
    over_7_days = models.IntegerField()
    amount_under_4_hours = models.BigIntegerField(null=True)
    amount_under_24_hours = models.BigIntegerField(null=True)
    amount_under_3_days = models.BigIntegerField(null=True)
    amount_under_7_days = models.BigIntegerField(null=True)
    amount_over_7_days = models.BigIntegerField(null=True)
    oldest_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "scorecards_backlogsnapshot"

    def __str__(self) -> str:
        return f"{self.taken_at:%Y-%m-%d %H:%M}"


class Pulse(models.Model):
    """An hour of a place, all workflows together: what is usual is told from it."""

    pk = models.CompositePrimaryKey("bucket", "facility_id")
    bucket = models.DateTimeField()
    facility = models.ForeignKey("catalog.Facility", models.DO_NOTHING, db_constraint=False)
    events = models.BigIntegerField()
    started = models.BigIntegerField()
    settled = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "scorecards_pulse"

    def __str__(self) -> str:
        return f"{self.facility_id} at {self.bucket:%Y-%m-%d %H}"
