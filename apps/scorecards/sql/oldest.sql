-- Since when the oldest that is open is, as of the last compaction: a sum cannot tell, and looking for it
-- in every cell was a quarter of what a page of all cells asks. Null where nothing is open.
ALTER TABLE scorecards_backlog ADD oldest_at timestamptz;
UPDATE scorecards_backlog AS b
   SET oldest_at = (SELECT min(first_at) FROM telemetry_transaction AS t
                     WHERE t.workflow_id = b.workflow_id AND t.facility_id = b.facility_id
                       AND t.state < 5);
