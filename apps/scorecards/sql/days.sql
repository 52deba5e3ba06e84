-- Days of all cells for a quarter of a year are added up from this alone: rows of the rollups lie
-- where their grain was written, and hold histograms. A compaction pays for the day under way.
CREATE INDEX CONCURRENTLY rollup_days ON scorecards_rollup (bucket, workflow_id, facility_id)
    INCLUDE (met, breached, business_met, business_breached) WHERE grain = 3;
