-- Readers: the lists behind a figure and their recount, one range of a cell at a time, newest first.
-- An index holds only what has the moment, so an open transaction costs nothing here: a fold pays
-- about a tenth of a microsecond an event for each (docs/performance.md).
CREATE INDEX CONCURRENTLY transaction_judged ON telemetry_transaction (workflow_id, facility_id, sla, due_at) WHERE sla > 0;
CREATE INDEX CONCURRENTLY transaction_business_judged ON telemetry_transaction (workflow_id, facility_id, business_sla, business_due_at)
    WHERE business_sla > 0;
CREATE INDEX CONCURRENTLY transaction_stopped ON telemetry_transaction (workflow_id, facility_id, stopped_at) WHERE stopped_at IS NOT NULL;
CREATE INDEX CONCURRENTLY transaction_business_stopped ON telemetry_transaction (workflow_id, facility_id, business_stopped_at)
    WHERE business_stopped_at IS NOT NULL;
CREATE INDEX CONCURRENTLY transaction_settled ON telemetry_transaction (workflow_id, facility_id, settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX CONCURRENTLY transaction_failed ON telemetry_transaction (workflow_id, facility_id, failed_at) WHERE failed_at IS NOT NULL;
CREATE INDEX CONCURRENTLY transaction_dead_lettered ON telemetry_transaction (workflow_id, facility_id, dead_lettered_at)
    WHERE dead_lettered_at IS NOT NULL;
