-- Reader: how many duplicates were dropped, in the explanation of a figure. Few batches bring any.
CREATE INDEX ingest_batch_duplicates ON telemetry_ingestbatch (id) INCLUDE (duplicates) WHERE duplicates > 0;
