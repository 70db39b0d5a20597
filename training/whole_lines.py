"""Files of lines whose writer may be killed amid one: where the last whole line ends, and a way to cut back to it."""

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

BLOCK = 65_536


def end_of_last_line(path: Path) -> int:
    """Number of bytes up to and with the last line break."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(end - BLOCK, 0)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


def cut_unfinished_line(path: Path, file: BinaryIO) -> None:
    """Remove what a killed writer left after the last line break; `file` is open on the path, for appending."""
    end = end_of_last_line(path)
    if end < file.seek(0, os.SEEK_END):
        file.truncate(end)


def json_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file's whole lines; what a killed writer left after them is cut off. None without a file."""
    if not path.exists():
        return []
    with path.open("ab") as file:
        cut_unfinished_line(path, file)
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
