-- The hours of each place, all workflows together: what "usual" is told from. Six weeks of the same hour of
-- the week would be half a million wide rows of the rollups for each reader. Only hours that are over:
-- whatever is asked about now comes from the rollups.
CREATE TABLE scorecards_pulse (
    bucket timestamptz NOT NULL,            -- the hour
    facility_id integer NOT NULL,
    events bigint NOT NULL,
    started bigint NOT NULL,
    settled bigint NOT NULL,
    CONSTRAINT pulse_once PRIMARY KEY (bucket, facility_id)
) WITH (fillfactor = 90);

-- The money behind each age. Photographs of before do not know it.
ALTER TABLE scorecards_backlogsnapshot
    ADD amount_under_4_hours bigint,
    ADD amount_under_24_hours bigint,
    ADD amount_under_3_days bigint,
    ADD amount_under_7_days bigint,
    ADD amount_over_7_days bigint;
