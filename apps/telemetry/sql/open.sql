-- The backlog by age with its dollars is added up from the index alone: of fifty thousand that are
-- open, a tenth of the time it takes to look at each row.
CREATE INDEX CONCURRENTLY transaction_open_amount ON telemetry_transaction (workflow_id, facility_id, first_at)
    INCLUDE (amount_minor) WHERE state < 5;
DROP INDEX CONCURRENTLY transaction_open;
ALTER INDEX transaction_open_amount RENAME TO transaction_open;
