"""Reads events off a run's file, and goes on when a line cannot be read."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from training.events import AnyEvent, parse_event, read_lines

EVENTS_FILE = "events.jsonl"


@dataclass(slots=True)
class Chunk:
    """Events of consecutive lines, where they end in the file, and why lines between them were left out."""

    events: list[AnyEvent]
    end: int
    complaints: list[str] = field(default_factory=list)


def read_chunk(folder: Path, offset: int) -> Chunk:
    """The next few megabytes of whole lines after byte `offset` of a run's events."""
    lines, end = read_lines(folder / EVENTS_FILE, offset)
    chunk = Chunk([], end)
    for line in lines:
        try:
            chunk.events.append(_parse(line))
        except ValueError as error:
            chunk.complaints.append(f"unreadable line: {str(error).splitlines()[0]}")
    return chunk


def _parse(line: bytes) -> AnyEvent:
    try:
        return parse_event(line)
    except ValidationError:
        # JSON may escape half a character (a lone surrogate), which is no text; anything else fails here again.
        return parse_event(json.dumps(json.loads(line), ensure_ascii=False).encode("utf-8", "replace"))


def clean(text: str) -> str:
    """Without the NUL character, which PostgreSQL cannot store."""
    return text.replace("\x00", "\ufffd") if "\x00" in text else text


def cleaned(value: Any) -> Any:
    """Plain values with texts that a database takes."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [cleaned(each) for each in value]
    return {key: cleaned(each) for key, each in value.items()} if isinstance(value, dict) else value
