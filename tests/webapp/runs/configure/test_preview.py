"""What the preview says of memory and disk, on machines that are made up."""

from dataclasses import replace
from typing import Any

import pytest

from training.config import RunConfig
from training.config.plan import plan_of
from webapp.machines.devices import Gpu
from webapp.runs.configure import preview
from webapp.runs.configure.facts import Facts, facts_of
from webapp.runs.configure.fits import Fit, fit_of
from webapp.runs.configure.forms import as_posted, checked_form
from webapp.runs.configure.machine import Machine
from webapp.runs.configure.preview import preview_of
from webapp.runs.configure.starting import Start
from webapp.runs.knobs import values_of

pytestmark = pytest.mark.django_db
GIB = 2**30
LAPTOP = Machine(memory=16 * GIB, memory_free=12 * GIB, disk_free=100 * GIB, gpus=())
SERVER = replace(LAPTOP, gpus=(Gpu("H100", 80 * GIB, 1 * GIB), Gpu("H100", 80 * GIB, 78 * GIB)))


def config(**changes: Any) -> RunConfig:
    return RunConfig.model_validate(changes)


def fit(given: RunConfig, machine: Machine, parameters: int | None = None) -> Fit:
    facts: Facts = facts_of(given)
    assert facts.shape is not None
    if parameters:
        facts = replace(facts, shape=replace(facts.shape, parameters=parameters))
    found = fit_of(given, plan_of(given, facts.prompt_tokens), facts, machine)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("parameters", "verdict"), [(10**6, "ok"), (6 * 10**8, "tight"), (10**9, "oom"), (7 * 10**9, "oom")]
)
def test_a_run_fits_is_tight_or_does_not_fit(parameters: int, verdict: str) -> None:
    found = fit(config(), LAPTOP, parameters)
    assert found.verdict == verdict
    # Weights, gradients and two moments alone are 16 bytes a parameter.
    assert found.needed > 16 * parameters


def test_what_others_use_now_makes_it_tight() -> None:
    assert fit(config(), replace(LAPTOP, memory_free=GIB)).verdict == "tight"


def test_auto_takes_the_gpu_where_there_is_one() -> None:
    assert fit(config(), LAPTOP).where == "this machine"
    assert fit(config(), SERVER).where == "H100"
    assert fit(config(hardware={"device": "cpu"}), SERVER).where == "this machine"


def test_a_gpu_that_is_elsewhere_is_not_judged() -> None:
    found = fit(config(hardware={"device": "cuda"}), LAPTOP)
    assert (found.capacity, found.verdict) == (None, "unknown")


def test_processes_on_the_cpu_share_its_memory_and_each_gpu_has_its_own() -> None:
    on_cpu, on_gpus = (fit(config(hardware={"processes": 4}), machine) for machine in (LAPTOP, SERVER))
    assert on_cpu.needed == 4 * on_cpu.memory.peak
    assert on_gpus.needed == on_gpus.memory.peak


@pytest.mark.parametrize("machine", [LAPTOP, replace(LAPTOP, memory=2**20)])
def test_the_bar_shows_each_part_of_the_peak_side_by_side(machine: Machine) -> None:
    found = fit(config(), machine)
    at = 0.0
    for _, start, width in found.bars:
        assert start == pytest.approx(at, abs=0.02)
        at = start + width
    whole = max(found.needed, machine.memory)
    assert at == pytest.approx(100 * found.needed / whole, abs=0.1)


@pytest.mark.parametrize(
    ("name", "words"),
    [("x/unknown", "its size is not known"), ("x/tiny-100M", "take 1.5 GiB of 16.0 GiB"), ("x/big-70B", "too little")],
)
def test_of_a_model_that_is_not_here_it_says_what_its_name_tells(
    monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.setattr("webapp.runs.configure.checks.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(preview, "this_machine", lambda: LAPTOP)
    form, facts = checked_form(as_posted(values_of(config(model={"kind": "hub", "name": name}))))
    found = preview_of(form, facts, Start("the defaults", RunConfig()))
    assert found.fit is None
    assert words in found.unsized


def test_a_disk_that_is_too_small_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    form, facts = checked_form(as_posted(values_of(config(steps=100_000))))
    start = Start("the defaults", RunConfig())
    monkeypatch.setattr(preview, "this_machine", lambda: LAPTOP)
    assert preview_of(form, facts, start).disk_is_short
    monkeypatch.setattr(preview, "this_machine", lambda: replace(LAPTOP, disk_free=10**15))
    assert not preview_of(form, facts, start).disk_is_short
