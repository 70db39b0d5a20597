"""Files of lines whose writer may be killed amid one: where the last whole line ends, and a way to cut back to it."""

import os
from pathlib import Path
from typing import BinaryIO

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
