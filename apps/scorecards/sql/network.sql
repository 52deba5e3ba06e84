-- A row for the whole network beside those of its facilities, in every grain. A day of the network is
-- the same date everywhere, and begins where it does in UTC.
INSERT INTO scorecards_rollup
SELECT grain, whole, workflow_id, 0,
       sum(events), sum(started), sum(settled), sum(completed), sum(failed), sum(dead_lettered),
       sum(retried), sum(manual_touches), sum(met), sum(breached), sum(excluded), sum(business_met),
       sum(business_breached), sum(business_excluded), sum(amount_started), sum(amount_settled),
       sum(amount_completed), sum(amount_at_risk), sum(latencies), sum(latency_ms),
       sum(latency_histogram), sum(business_latencies), sum(business_latency_ms),
       sum(business_latency_histogram)
  FROM (SELECT r.*, CASE grain WHEN 3 THEN date_trunc('day', bucket AT TIME ZONE f.time_zone)
                                            AT TIME ZONE 'UTC' ELSE bucket END AS whole
          FROM scorecards_rollup AS r JOIN catalog_facility AS f ON f.id = r.facility_id) AS cell
 GROUP BY grain, whole, workflow_id;
-- Reader: windows of the network, whose rows lie among those of all cells.
CREATE INDEX rollup_network ON scorecards_rollup (grain, bucket, workflow_id) WHERE facility_id = 0;
