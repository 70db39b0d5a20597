"""A trainer that runs out of memory says so as an event and by its exit code, without a traceback."""

from pathlib import Path

import pytest
import torch

from training import __main__ as command_line
from training.errors import GPU_FULL, HOST_FULL, memory_that_is_full
from training.events import Failed, ListSink
from training.events.types import Phase
from training.memory_failure import requested_bytes, told_when_memory_ends
from training.recorder import Recorder

CPU_WORDS = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "137438953472 bytes. Error code 12 (Cannot allocate memory)"
)
CUDA_WORDS = "CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 79.10 GiB."


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (torch.OutOfMemoryError(CUDA_WORDS), GPU_FULL),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"), GPU_FULL),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), GPU_FULL),
        (RuntimeError("NCCL error: unhandled cuda error. Last error:\nCuda failure 2 'out of memory'"), GPU_FULL),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), ""),
        (RuntimeError(CPU_WORDS), HOST_FULL),
        (MemoryError(), HOST_FULL),
        (RuntimeError("shapes do not match"), ""),
        (ValueError("not enough memory of the past"), ""),
    ],
)
def test_memory_is_told_from_other_faults(error: Exception, words: str) -> None:
    assert memory_that_is_full(error) == words


@pytest.mark.parametrize(("words", "count"), [(CPU_WORDS, 137_438_953_472), (CUDA_WORDS, 3 * 2**29), ("no figure", 0)])
def test_what_was_asked_for_is_read_off_the_error(words: str, count: int) -> None:
    assert requested_bytes(words) == count


def fail(recorder: Recorder, error: Exception, phase: Phase | None) -> None:
    with told_when_memory_ends(recorder, torch.device("cpu")):
        with recorder.phase("sampling"):
            pass
        if phase:
            with recorder.phase(phase):
                raise error
        raise error


def failing(error: Exception, phase: Phase | None = "updating") -> list[Failed]:
    sink = ListSink()
    recorder = Recorder(sink)
    recorder.step = 7
    with pytest.raises(type(error)):
        fail(recorder, error, phase)
    return [event for event in sink.events if isinstance(event, Failed)]


def test_the_event_names_the_phase_that_broke_and_the_figures() -> None:
    (told,) = failing(RuntimeError(CPU_WORDS))
    assert (told.where, told.phase, told.step, told.requested) == ("host", "updating", 7, 137_438_953_472)
    assert 0 < told.used < told.total
    (told,) = failing(MemoryError(), phase=None)
    assert (told.phase, told.message) == ("loading", "MemoryError")


def test_other_faults_are_no_event() -> None:
    assert failing(RuntimeError("shapes do not match")) == []


def test_the_command_line_says_it_in_a_line_and_by_its_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(folder: Path) -> None:
        raise torch.OutOfMemoryError(CUDA_WORDS)

    monkeypatch.setattr(command_line, "read_config", full)
    assert command_line.main(["run", str(tmp_path)]) == command_line.OUT_OF_MEMORY
    assert capsys.readouterr().err == f"error: {GPU_FULL}\n"
    assert "Traceback" not in caplog.text
