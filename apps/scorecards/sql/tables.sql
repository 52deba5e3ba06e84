-- Rollups: what pages read. Folds only append deltas, so they never queue behind a hot row;
-- one compaction at a time adds the deltas to minute, hour and facility-local day.

-- A measure a branch of the fold does not speak of stays NULL and counts as nothing.
CREATE TABLE scorecards_rollupdelta (
    bucket timestamptz NOT NULL,            -- the minute
    workflow_id integer NOT NULL,
    facility_id integer NOT NULL,
    events bigint,
    started bigint,
    settled bigint,
    completed bigint,
    failed bigint,
    dead_lettered bigint,
    retried bigint,
    manual_touches bigint,
    met bigint,
    breached bigint,
    excluded bigint,
    business_met bigint,
    business_breached bigint,
    business_excluded bigint,
    amount_started bigint,
    amount_settled bigint,
    amount_completed bigint,
    amount_at_risk bigint,
    latencies bigint,
    latency_ms numeric,
    latency_histogram numeric,
    business_latencies bigint,
    business_latency_ms numeric,
    business_latency_histogram numeric,
    -- the backlog has no time: these add up to what is open now
    open bigint,
    overdue bigint,
    business_overdue bigint,
    troubled bigint,
    amount_open bigint
) WITH (autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_insert_threshold = -1);

CREATE TABLE scorecards_rollup (
    grain smallint NOT NULL,                -- 1 minute, 2 hour (UTC), 3 day (facility-local)
    bucket timestamptz NOT NULL,            -- its first instant
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
    business_latency_histogram numeric NOT NULL,
    CONSTRAINT rollup_once PRIMARY KEY (grain, bucket, workflow_id, facility_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE scorecards_backlog (
    workflow_id integer NOT NULL,
    facility_id integer NOT NULL,
    open bigint NOT NULL,
    overdue bigint NOT NULL,
    business_overdue bigint NOT NULL,
    troubled bigint NOT NULL,
    amount_open bigint NOT NULL,
    amount_at_risk bigint NOT NULL,
    CONSTRAINT backlog_once PRIMARY KEY (workflow_id, facility_id)
) WITH (fillfactor = 50);

-- The backlog over time: age cannot be derived from flows, so it is photographed every five minutes.
CREATE TABLE scorecards_backlogsnapshot (
    taken_at timestamptz NOT NULL,
    workflow_id integer NOT NULL,
    facility_id integer NOT NULL,
    open integer NOT NULL,
    overdue integer NOT NULL,
    amount_open bigint NOT NULL,
    under_4_hours integer NOT NULL,
    under_24_hours integer NOT NULL,
    under_3_days integer NOT NULL,
    under_7_days integer NOT NULL,
    over_7_days integer NOT NULL,
    oldest_at timestamptz NOT NULL,
    CONSTRAINT backlog_snapshot_once PRIMARY KEY (taken_at, workflow_id, facility_id)
);

-- One latency in bucket i adds 10^(12 i) to a histogram: plain sum() merges, minus retracts, and a
-- bucket holds 10^12 - 1 before it could carry into its neighbour.
CREATE TABLE scorecards_histogramunit (
    position smallint PRIMARY KEY,
    unit numeric NOT NULL CHECK (scale(unit) = 0)
);
-- Written out, because a power has decimals (10::numeric ^ 0 is 1.0000000000000000) that sum() keeps.
INSERT INTO scorecards_histogramunit
SELECT i, ('1' || repeat('0', 12 * i))::numeric FROM generate_series(0, 159) i;

-- Whole milliseconds, the rest cut off: exact microseconds first, since a double times 1000 falls on
-- either side of a half.
CREATE FUNCTION scorecards_latency_ms(started timestamptz, stopped timestamptz) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN started IS NOT NULL AND stopped IS NOT NULL
                THEN GREATEST(0, (date_part('epoch', stopped - started) * 1000000)::bigint / 1000) END;
-- Bucket i of a latency covers [e^(0.17 i), e^(0.17 (i + 1))) milliseconds; the last is open-ended.
CREATE FUNCTION scorecards_histogram_position(milliseconds bigint) RETURNS smallint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN LEAST(159, floor(ln(GREATEST(1, milliseconds)::double precision) / 0.17))::smallint;
