"""What is offered to a run that does not fit, on machines that are registered and made up."""

from dataclasses import replace
from typing import Any

import pytest

from tests.webapp.machines.made import GIB, made_gpu, made_processor, made_worker
from training.config import RunConfig
from training.config.footprint import memory_of
from training.config.plan import plan_of
from webapp.machines.devices import as_json
from webapp.runs.config_forms import Fix
from webapp.runs.configure.facts import Facts, facts_of
from webapp.runs.configure.fits import Fit, fits_of
from webapp.runs.configure.machine import this_machine
from webapp.runs.configure.remedies import remedies, remedies_for
from webapp.runs.knobs import knobs_of, tree_of, values_of

pytestmark = pytest.mark.django_db
LARGE = {"optimisation": {"micro_batch_tokens": 65_536}}


def config(**changes: Any) -> RunConfig:
    return RunConfig.model_validate(changes)


def facts_for(given: RunConfig, parameters: int | None = None) -> Facts:
    facts = facts_of(given)
    assert facts.shape is not None
    return replace(facts, shape=replace(facts.shape, parameters=parameters)) if parameters else facts


def fits(given: RunConfig, parameters: int | None = None) -> list[Fit]:
    facts = facts_for(given, parameters)
    return fits_of(given, plan_of(given, facts.prompt_tokens), facts, this_machine())


def peak(given: RunConfig, facts: Facts) -> int:
    assert facts.shape is not None
    return memory_of(given, plan_of(given, facts.prompt_tokens), facts.shape, "cpu").peak * given.hardware.processes


def changed(given: RunConfig, fix: Fix) -> RunConfig:
    return RunConfig.model_validate(tree_of(knobs_of(RunConfig), values_of(given) | fix.values))


def test_every_kind_of_device_that_may_take_it_is_judged_the_gravest_first() -> None:
    made_worker("gpu@rack", (made_gpu(0, "NVIDIA L4", total=24 * GIB, used=0), made_gpu(1, used=0)))
    found = fits(config(), parameters=2 * 10**9)
    assert [(fit.where, fit.verdict) for fit in found] == [("NVIDIA L4", "oom"), ("NVIDIA H100 80GB HBM3", "ok")]
    (only,) = fits(config(hardware={"gpu_kind": "H100"}), parameters=2 * 10**9)
    assert only.verdict == "ok"


def test_a_processor_is_judged_where_no_gpu_is_asked_for_or_there() -> None:
    made_worker("gpu@desk", processor=as_json(made_processor(total=8 * GIB, used=GIB)))
    (found,) = fits(config())
    assert (found.device, found.where, found.capacity, found.free) == ("cpu", "desk", 8 * GIB, 7 * GIB)


def test_what_nobody_registered_is_not_judged() -> None:
    made_worker()
    (found,) = fits(config(hardware={"gpu_kind": "H100", "processes": 2}))
    assert (found.verdict, found.capacity) == ("unknown", None)
    assert "2 GPUs of kind H100" in found.where


def test_another_kind_of_gpu_that_has_room_is_offered_first() -> None:
    made_worker("gpu@rack", (made_gpu(0, "NVIDIA L4", total=24 * GIB, used=0), made_gpu(1, used=0)))
    given, size = config(), 2 * 10**9
    first = remedies_for(given, facts_for(given, size), fits(given, size))[0]
    assert first.values == {"hardware.gpu_kind": "NVIDIA H100 80GB HBM3"}


@pytest.mark.parametrize("engine", [{"memory_share": 0.9}, {"kv_cache_mib": 70_000}])
def test_vllm_beside_the_trainer_is_offered_less_where_it_takes_too_much(engine: dict[str, Any]) -> None:
    made_worker("gpu@rack", (made_gpu(total=80 * GIB, used=0),))
    given, size = config(hardware={"engine": {"kind": "vllm"} | engine}), 10**9
    (before,) = fits(given, size)
    assert before.verdict == "oom"
    offer = next(fix for fix in remedies_for(given, facts_for(given, size), [before]) if "vllm" in str(fix.values))
    (name,) = offer.values
    assert name == f"hardware.engine.vllm.{next(iter(engine))}"
    (after,) = fits(changed(given, offer), size)
    assert after.verdict == "ok"
    assert "KV cache" in {part.name for part in after.memory.at_peak}


def test_what_fits_needs_no_remedy() -> None:
    made_worker("gpu@rack", (made_gpu(used=0),))
    assert remedies_for(config(), facts_for(config()), fits(config())) == []


@pytest.mark.parametrize("share", [0.95, 0.6, 0.45])
def test_every_offer_really_brings_it_below_the_limit(share: float) -> None:
    given = config(**LARGE)
    facts = facts_for(given)
    limit = share * peak(given, facts)
    offers = remedies(given, facts, "cpu", limit)
    assert offers
    for offer in offers:
        assert peak(changed(given, offer), facts) <= limit


def test_the_mildest_change_that_suffices_is_offered() -> None:
    given = config(**LARGE)
    facts = facts_for(given)
    limit = 0.95 * peak(given, facts)
    ((name, tokens),) = remedies(given, facts, "cpu", limit)[0].values.items()
    assert name == "optimisation.micro_batch_tokens"
    assert peak(changed(given, Fix({name: 2 * tokens})), facts) > limit


def test_where_no_change_does_alone_as_few_as_possible_go_together() -> None:
    given, size = config(**LARGE), 200_000_000
    facts = facts_for(given, size)
    alone = [peak(changed(given, fix), facts) for fix in remedies(given, facts, "cpu", 0.999 * peak(given, facts))]
    limit = min(alone) * 0.5
    (offer,) = remedies(given, facts, "cpu", limit)
    assert len(offer.values) > 1
    assert peak(changed(given, offer), facts) <= limit
    for name in offer.values:
        fewer = Fix({other: value for other, value in offer.values.items() if other != name})
        assert peak(changed(given, fewer), facts) > limit


def test_for_what_cannot_fit_nothing_is_offered() -> None:
    assert remedies(config(), facts_for(config(), 10**12), "cpu", 1.0) == []
