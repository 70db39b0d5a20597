"""What a run asks for, and which machines can serve it."""

import pytest

from tests.webapp.machines.made import made_gpu
from training.config import HardwareConfig
from webapp.machines.demand import Demand, demand_in, demand_of
from webapp.machines.devices import Gpu

H100 = (made_gpu(0), made_gpu(1))
MIXED = (made_gpu(0, "NVIDIA L4"), *(made_gpu(1 + n) for n in range(2)))


@pytest.mark.parametrize(
    ("hardware", "gpus", "fits"),
    [
        (HardwareConfig(), (), True),
        (HardwareConfig(), H100, True),
        (HardwareConfig(processes=2), (), True),
        (HardwareConfig(processes=2), H100, True),
        (HardwareConfig(processes=3), H100, False),
        (HardwareConfig(device="cpu", processes=3), H100, True),
        (HardwareConfig(device="cuda"), (), False),
        (HardwareConfig(device="cuda", processes=2), H100, True),
        (HardwareConfig(gpu_kind="h100"), H100, True),
        (HardwareConfig(gpu_kind="H100"), (), False),
        (HardwareConfig(gpu_kind="A100"), H100, False),
        (HardwareConfig(gpu_kind="H100", processes=2), MIXED, True),
        (HardwareConfig(gpu_kind="H100", processes=3), MIXED, False),
        (HardwareConfig(device="cpu", gpu_kind="H100"), (), True),
        (HardwareConfig(gpu_kind="  "), (), True),
        (HardwareConfig(sampling_device="cuda:1"), H100, True),
        (HardwareConfig(sampling_device="cuda:2"), H100, False),
        (HardwareConfig(device="cpu", sampling_device="cuda"), (), False),
        (HardwareConfig(device="cpu", processes=8, sampling_device="cuda"), H100, True),
    ],
)
def test_a_machine_serves_what_it_has(hardware: HardwareConfig, gpus: tuple[Gpu, ...], fits: bool) -> None:
    assert demand_of(hardware).fits(gpus) == fits


def test_gpus_are_allotted_by_kind_and_never_twice() -> None:
    demand = demand_of(HardwareConfig(gpu_kind="H100"))
    assert [gpu.index for gpu in demand.allot(MIXED) or ()] == [1]
    assert [gpu.index for gpu in demand.allot(MIXED, {MIXED[1].uuid}) or ()] == [2]
    assert demand.allot(MIXED, {MIXED[1].uuid, MIXED[2].uuid}) is None
    assert demand_of(HardwareConfig(device="cpu")).allot(MIXED) == ()
    assert demand_of(HardwareConfig()).allot(()) == ()
    assert demand_of(HardwareConfig(device="cuda")).allot(()) is None


def test_demands_are_told_in_words() -> None:
    assert demand_of(HardwareConfig(gpu_kind="H100", processes=2)).in_words == "2 GPUs of kind H100"
    assert demand_of(HardwareConfig(device="cuda")).in_words == "1 GPU"
    assert demand_of(HardwareConfig(device="cpu")).in_words == "no GPU"


def test_stored_configs_of_other_versions_hold_nobody_up() -> None:
    assert demand_in({}) == Demand()
    assert demand_in({"hardware": {"unheard": 1}}) == Demand(uses_gpu=False)
