"""Processes that are started together end together."""

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from training.launch import launch


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """A launcher takes the signals of its process over."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("of_rank_1", "code"), [("exit 2", 2), ("kill -KILL $$", 137), ("exit 0", 3)], ids=["failed", "killed", "the other"]
)
def test_when_one_process_fails_none_is_left_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], of_rank_1: str, code: int
) -> None:
    """The other would wait for ever, unless it is the one that fails."""
    waits = "sleep 1; exit 3" if code == 3 else "exec sleep 1000"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$RANK" = 1 ] && {{ {of_rank_1}; }}\n{waits}\n')
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    began = time.monotonic()
    assert launch(2, ["run"]) == code
    assert time.monotonic() - began < 60
    assert capfd.readouterr().err == f"rank {0 if code == 3 else 1} of 2 processes ended first\n"
