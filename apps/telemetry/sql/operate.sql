-- What people need to work keys and quarantine by hand.

-- Who made a key and who ended it, and why.
ALTER TABLE telemetry_sourcekey
    ADD COLUMN issued_by_id bigint,
    ADD COLUMN revoked_by_id bigint,
    ADD COLUMN why text NOT NULL DEFAULT '';

-- Where a refused event went on, and the operation on many that last touched it.
ALTER TABLE telemetry_quarantine
    ADD COLUMN went_to_batch uuid,
    ADD COLUMN went_to_transaction uuid,
    ADD COLUMN operation_id uuid;
-- Reader: counts of what is open by reason, facility and source, from the index alone.
CREATE INDEX quarantine_groups ON telemetry_quarantine (code, facility_id, source_id, id)
    WHERE state = 'open';
-- Reader: undoing an operation.
CREATE INDEX quarantine_operation ON telemetry_quarantine (operation_id, id)
    WHERE operation_id IS NOT NULL;

-- One act on many refused events. It names them by codes and a last id, so what comes later is left
-- alone, and it is worked off in slices: the row is the work, whoever finds it goes on.
CREATE TABLE telemetry_quarantineoperation (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    act text NOT NULL CONSTRAINT operation_act_known CHECK (act IN ('resubmit', 'discard')),
    state text NOT NULL DEFAULT 'waiting' CONSTRAINT operation_state_known
        CHECK (state IN ('waiting', 'done', 'stopped', 'undoing', 'undone')),
    code text NOT NULL,
    source_id integer,
    facility_id integer,
    since timestamptz,
    last_id uuid NOT NULL,
    -- The facilities of who asked; NULL is all, and events of none.
    scope integer[],
    -- One field set to one value in every event before it goes on.
    field text NOT NULL DEFAULT '',
    value text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    total integer NOT NULL,
    changed integer NOT NULL DEFAULT 0,
    refused integer NOT NULL DEFAULT 0,
    restored integer NOT NULL DEFAULT 0,
    asked_by_id bigint NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
-- Reader: whoever looks for work.
CREATE INDEX operation_waiting ON telemetry_quarantineoperation (id)
    WHERE state IN ('waiting', 'undoing');

-- What each source sent in a quarter-hour that is over; the journal has it too, but is large.
CREATE TABLE telemetry_sourcequarter (
    quarter timestamptz NOT NULL,
    source_id integer NOT NULL,
    batches integer NOT NULL,
    events integer NOT NULL,
    rejected integer NOT NULL,
    last_at timestamptz NOT NULL,
    CONSTRAINT source_quarter_once PRIMARY KEY (quarter, source_id)
);
