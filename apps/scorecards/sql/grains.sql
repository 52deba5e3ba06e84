-- Grains that only readers use: blocks of 4 hours, 1 day and 8 days of UTC, each a whole number of
-- the one below, so that any window is a few blocks in the middle and finer rows at its edges.
INSERT INTO scorecards_rollup
SELECT block.grain, date_bin(block.length, bucket, 'epoch'), workflow_id, facility_id,
       sum(events), sum(started), sum(settled), sum(completed), sum(failed), sum(dead_lettered),
       sum(retried), sum(manual_touches), sum(met), sum(breached), sum(excluded), sum(business_met),
       sum(business_breached), sum(business_excluded), sum(amount_started), sum(amount_settled),
       sum(amount_completed), sum(amount_at_risk), sum(latencies), sum(latency_ms),
       sum(latency_histogram), sum(business_latencies), sum(business_latency_ms),
       sum(business_latency_histogram)
  FROM scorecards_rollup
 CROSS JOIN (VALUES (4, interval '4 hours'), (5, '1 day'), (6, '8 days')) AS block (grain, length)
 WHERE scorecards_rollup.grain = 2
 GROUP BY 1, 2, 3, 4;

-- Changed by whatever changes rollups. Together with the number of deltas that wait, which only a
-- compaction makes fewer, it names one state of every figure.
CREATE TABLE scorecards_revision (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    revision uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO scorecards_revision DEFAULT VALUES;
