"""Checkpoints are complete or absent, and the keeping rule holds."""

from pathlib import Path

import pytest

from training.checkpoints import PIN, UNFINISHED, CheckpointFolder


def write(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"x" * 100)


def saved(path: Path, *steps: int) -> CheckpointFolder:
    checkpoints = CheckpointFolder(path / "checkpoints")
    for step in steps:
        checkpoints.save(step, write)
    return checkpoints


def test_a_checkpoint_appears_under_its_step_with_its_size(tmp_path: Path) -> None:
    checkpoints = CheckpointFolder(tmp_path / "checkpoints")
    assert checkpoints.newest() is None
    assert checkpoints.save(25, write) == 100
    assert checkpoints.of(25) == tmp_path / "checkpoints" / "step_000025"
    assert checkpoints.newest() == 25


def test_a_crash_while_writing_leaves_nothing_that_looks_complete(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 5)

    def crash(folder: Path) -> None:
        write(folder)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        checkpoints.save(10, crash)
    assert checkpoints.steps() == [5]
    checkpoints.sweep()
    assert [entry.name for entry in (tmp_path / "checkpoints").iterdir()] == ["step_000005"]
    checkpoints.save(10, write)
    assert checkpoints.steps() == [5, 10]


def test_the_last_ones_the_best_and_the_pinned_are_kept(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1, 2, 3, 4, 5, 1_000_000)
    (checkpoints.of(1) / PIN).touch()
    assert checkpoints.prune(2, 3, None) == [2, 4]
    assert checkpoints.steps() == [1, 3, 5, 1_000_000]
    assert not list((tmp_path / "checkpoints").glob(f"{UNFINISHED}*"))


def test_saving_a_step_again_replaces_it(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 5)
    assert checkpoints.save(5, lambda folder: (folder / "new").write_text("ab") and None) == 2
    assert [entry.name for entry in checkpoints.of(5).iterdir()] == ["new"]
