"""The contract of every reader of GPUs: NVIDIA's library (through a fake of it, and for real where there is one) and
the fake that other tests use."""

from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from tests.webapp.machines.made import GIB, FakeGpus, made_gpu
from webapp.machines import gpus as module
from webapp.machines.devices import Gpu, as_json, read_processor
from webapp.machines.gpus import GpuReader, Nvml, visible

PAIR = (made_gpu(0), made_gpu(1, temperature=None, utilisation=None))


class FakeLibrary:
    """The part of pynvml that is used, with two GPUs, of which the second tells neither use nor temperature."""

    NVMLError = pynvml.NVMLError
    NVML_TEMPERATURE_GPU = pynvml.NVML_TEMPERATURE_GPU

    def __init__(self, broken: bool = False) -> None:
        self.open = 0
        self._broken = broken

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        if self._broken:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_UNKNOWN)
        return len(PAIR)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Gpu:
        return PAIR[index]

    def nvmlDeviceGetMemoryInfo(self, gpu: Gpu) -> SimpleNamespace:
        return SimpleNamespace(total=gpu.total, used=gpu.used)

    def nvmlDeviceGetName(self, gpu: Gpu) -> bytes:
        return gpu.name.encode()  # as older versions do

    def nvmlDeviceGetUUID(self, gpu: Gpu) -> str:
        return gpu.uuid

    def nvmlDeviceGetUtilizationRates(self, gpu: Gpu) -> SimpleNamespace:
        return SimpleNamespace(gpu=100 * self._told(gpu.utilisation))

    def nvmlDeviceGetTemperature(self, gpu: Gpu, sensor: int) -> float:
        return self._told(gpu.temperature)

    def _told(self, value: float | None) -> Any:
        if value is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return value


@pytest.fixture(params=["fake", "library", "machine"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> GpuReader:
    if request.param == "fake":
        return FakeGpus(PAIR)
    if request.param == "library":
        monkeypatch.setattr(module, "pynvml", FakeLibrary())
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return Nvml()


def test_every_reader_tells_the_same_of_gpus_in_order(reader: GpuReader) -> None:
    found = reader.read()
    assert [gpu.index for gpu in found] == sorted(gpu.index for gpu in found)
    assert len({gpu.uuid for gpu in found}) == len(found)
    for gpu in found:
        assert gpu.name
        assert 0 <= gpu.used <= gpu.total
        assert gpu.utilisation is None or 0 <= gpu.utilisation <= 1
        assert gpu.temperature is None or 0 < gpu.temperature < 130
        assert Gpu(**as_json(gpu)) == gpu


def test_the_library_is_read_whole_and_closed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakeLibrary()
    monkeypatch.setattr(module, "pynvml", library)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert Nvml().read() == PAIR
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert Nvml().read() == PAIR[1:]
    assert library.open == 0


def test_a_broken_driver_is_no_gpu_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakeLibrary(broken=True)
    monkeypatch.setattr(module, "pynvml", library)
    assert Nvml().read() == ()
    assert library.open == 0


@pytest.mark.parametrize(
    ("allowed", "indices"),
    [(None, [0, 1]), ("", []), ("1", [1]), ("1,0", [0, 1]), ("-1", []), ("0,7,1", [0]), (PAIR[1].uuid, [1])],
)
def test_only_what_cuda_may_see_is_told(allowed: str | None, indices: list[int]) -> None:
    assert [gpu.index for gpu in visible(PAIR, allowed)] == indices


def test_the_processor_of_this_machine_is_read() -> None:
    processor = read_processor()
    assert processor.cores >= 1
    assert 0 < processor.used < processor.total
    assert processor.name


def test_a_container_has_the_memory_of_its_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr("webapp.machines.devices.CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text(f"{GIB // 2}\n")
    (tmp_path / "memory.current").write_text(f"{GIB // 4}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {GIB // 8}\n")
    processor = read_processor()
    assert (processor.total, processor.used) == (GIB // 2, GIB // 8)
    (tmp_path / "memory.max").write_text("max\n")
    assert read_processor().total > GIB // 2
