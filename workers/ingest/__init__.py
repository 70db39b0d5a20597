"""Brings a run's events from its file into the database: nothing lost, nothing twice, whichever process dies."""

from workers.ingest.reading import EVENTS_FILE
from workers.ingest.store import Progress, Superseded, ingest, rebuild

__all__ = ["EVENTS_FILE", "Progress", "Superseded", "ingest", "rebuild"]
