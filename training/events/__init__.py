"""The protocol between a trainer and whoever watches it. Imports the standard library and pydantic only."""

from training.events.reader import all_events, read_events, read_lines
from training.events.sinks import EventSink, JsonlSink, ListSink
from training.events.types import (
    TOKEN_ARRAYS,
    Alert,
    AnyEvent,
    CheckpointRemoved,
    CheckpointSaved,
    Event,
    Finished,
    Metrics,
    PhaseChanged,
    RolloutGroup,
    RolloutRecord,
    Started,
    parse_event,
)

__all__ = [
    "TOKEN_ARRAYS",
    "Alert",
    "AnyEvent",
    "CheckpointRemoved",
    "CheckpointSaved",
    "Event",
    "EventSink",
    "Finished",
    "JsonlSink",
    "ListSink",
    "Metrics",
    "PhaseChanged",
    "RolloutGroup",
    "RolloutRecord",
    "Started",
    "all_events",
    "parse_event",
    "read_events",
    "read_lines",
]
