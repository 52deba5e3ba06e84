-- Rows given up are few and asked for often; the journal is neither.
CREATE INDEX ingest_batch_failed ON telemetry_ingestbatch (id) WHERE state = 2;
