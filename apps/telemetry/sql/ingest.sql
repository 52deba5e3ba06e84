-- What only ingest needs beside the data path.

-- Said in the answer to the sender and asked for again by GET /api/v1/batches/{id}.
ALTER TABLE telemetry_ingestbatch ADD COLUMN tests integer NOT NULL DEFAULT 0;
ALTER TABLE telemetry_ingestbatch ADD COLUMN rejected integer NOT NULL DEFAULT 0;

-- Reader: is this refused event already in quarantine? A sender that repeats itself adds no rows.
CREATE INDEX quarantine_repeated ON telemetry_quarantine (source_id, event_id) WHERE state = 'open';

-- The fastest delivery of each hour: what a source's clock is ahead or behind by, at most.
CREATE TABLE telemetry_sourceclock (
    source_id integer NOT NULL,
    hour timestamptz NOT NULL,
    fastest_ms bigint NOT NULL,
    CONSTRAINT source_clock_once PRIMARY KEY (source_id, hour)
);

-- Signatures seen inside their window: the second use of one is a replay.
CREATE TABLE telemetry_usedsignature (
    signature bytea CONSTRAINT signature_once PRIMARY KEY,
    used_at timestamptz NOT NULL DEFAULT now()
);
-- Reader: forgetting those whose window is over.
CREATE INDEX used_signature_age ON telemetry_usedsignature (used_at);
