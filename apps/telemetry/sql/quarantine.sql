-- What keeps a sender that repeats itself, or goes mad, from filling the quarantine.

-- A keyed digest of the reason and of all that was sent: the same again is counted on its row.
ALTER TABLE telemetry_quarantine ADD COLUMN digest bytea;
ALTER TABLE telemetry_quarantine ADD COLUMN seen integer NOT NULL DEFAULT 1;
ALTER TABLE telemetry_quarantine ADD COLUMN last_seen_at timestamptz NOT NULL DEFAULT now();
-- Without a digest are rows of the fold and of older releases; they are never the same as another.
CREATE UNIQUE INDEX quarantine_once ON telemetry_quarantine (source_id, digest) WHERE state = 'open';
DROP INDEX quarantine_repeated;

-- Reader: retention of what was closed. What is open is found by the time in its id.
CREATE INDEX quarantine_closed ON telemetry_quarantine (resolved_at) WHERE state <> 'open';

-- How many rows a source added on a UTC day, and how many more were counted and not kept.
CREATE TABLE telemetry_quarantineday (
    source_id integer NOT NULL,
    day date NOT NULL,
    kept integer NOT NULL,
    overflow integer NOT NULL,
    CONSTRAINT quarantine_day_once PRIMARY KEY (source_id, day)
);
