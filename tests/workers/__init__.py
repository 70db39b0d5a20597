"""Workers: queue, supervision, ingest, recovery."""
