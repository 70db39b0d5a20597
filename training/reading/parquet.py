"""Reads Parquet files in a process of their own, `parquet_process`, so that no file can end or exhaust this one."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BATCH_ROWS = 256
"""Few enough that a batch of images, which are decoded though nobody wants them, is no matter."""
ENCRYPTED_MAGIC = b"PARE"
MAGIC = b"PAR1"
_PROCESS = Path(__file__).with_name("parquet_process.py")


class ParquetError(ValueError):
    """Why a file is not to be read, as the second half of a sentence."""


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file in order, without columns of bytes. Raises ParquetError, after any rows that were whole."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - len(MAGIC), 0))
        if file.read() != MAGIC:
            raise ParquetError("its end is missing, so it is damaged or was not copied whole")
    command = [sys.executable, "-P", str(_PROCESS), str(path), str(BATCH_ROWS)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert process.stdout is not None
    try:
        while (told := _next(process.stdout)) is not None:
            if isinstance(told, str):
                raise ParquetError(told)
            yield from told
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def _next(pipe: Any) -> list[dict[str, Any]] | str | None:
    """What the process tells next. It is our own, so what it pickles is trusted."""
    try:
        told: list[dict[str, Any]] | str | None = pickle.load(pipe)  # noqa: S301
    except (EOFError, pickle.UnpicklingError):
        return "it is damaged, or takes too much memory"
    return told
