-- What the minutes have taken up and the larger grains have not. Local midnight is a quarter-hour of UTC
-- in every time zone (since 2012), so days can be told from these rows too.
CREATE TABLE scorecards_quarterdelta (
    bucket timestamptz NOT NULL,            -- the quarter-hour
    workflow_id integer NOT NULL,
    facility_id integer NOT NULL,
    events bigint NOT NULL,
    started bigint NOT NULL,
    settled bigint NOT NULL,
    completed bigint NOT NULL,
    failed bigint NOT NULL,
    dead_lettered bigint NOT NULL,
    retried bigint NOT NULL,
    manual_touches bigint NOT NULL,
    met bigint NOT NULL,
    breached bigint NOT NULL,
    excluded bigint NOT NULL,
    business_met bigint NOT NULL,
    business_breached bigint NOT NULL,
    business_excluded bigint NOT NULL,
    amount_started bigint NOT NULL,
    amount_settled bigint NOT NULL,
    amount_completed bigint NOT NULL,
    amount_at_risk bigint NOT NULL,
    latencies bigint NOT NULL,
    latency_ms numeric NOT NULL,
    latency_histogram numeric NOT NULL,
    business_latencies bigint NOT NULL,
    business_latency_ms numeric NOT NULL,
    business_latency_histogram numeric NOT NULL
) WITH (autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_insert_threshold = -1);

-- When each step of the compaction last took something up.
ALTER TABLE scorecards_revision
    ADD minutes_at timestamptz NOT NULL DEFAULT now(),
    ADD blocks_at timestamptz NOT NULL DEFAULT now();

-- Quarter-hours shorten the edges of a window; they are kept as long as minutes.
INSERT INTO scorecards_rollup
SELECT 7, date_bin('15 minutes', bucket, 'epoch'), workflow_id, facility_id,
       sum(events), sum(started), sum(settled), sum(completed), sum(failed), sum(dead_lettered),
       sum(retried), sum(manual_touches), sum(met), sum(breached), sum(excluded), sum(business_met),
       sum(business_breached), sum(business_excluded), sum(amount_started), sum(amount_settled),
       sum(amount_completed), sum(amount_at_risk), sum(latencies), sum(latency_ms),
       sum(latency_histogram), sum(business_latencies), sum(business_latency_ms),
       sum(business_latency_histogram)
  FROM scorecards_rollup WHERE grain = 1
 GROUP BY 1, 2, 3, 4;
