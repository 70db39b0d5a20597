"""What the form finds out of a selection before anything loads."""

from typing import Any

import pytest

from training.builtin import MODEL_DIR
from training.config import RewardModelMethod, RunConfig
from webapp.runs.config_forms import Fault
from webapp.runs.configure.checks import advice_on, faults_of
from webapp.runs.configure.facts import facts_of
from webapp.runs.services import create_run

pytestmark = pytest.mark.django_db
KNOB = "selection.pass_rate.measured_by"


def config(**rule: Any) -> RunConfig:
    return RunConfig.model_validate({"selection": {"kind": "pass_rate"} | rule})


def faults(measured_by: dict[str, Any]) -> list[Fault]:
    given = config(measured_by=measured_by)
    return faults_of(given, facts_of(given))


def test_the_model_that_answers_must_be_there() -> None:
    assert faults({"kind": "run"}) == []
    assert faults({"kind": "local", "path": str(MODEL_DIR)}) == []
    (fault,) = faults({"kind": "local", "path": "/nowhere"})
    assert fault.about == (f"{KNOB}.local.path",)
    (fault,) = faults({"kind": "checkpoint", "run": 9, "step": 1})
    assert fault.about == (f"{KNOB}.checkpoint.step",)
    judge = create_run(RunConfig(method=RewardModelMethod()))
    (fault,) = faults({"kind": "checkpoint", "run": judge.pk, "step": 1})
    assert "answers no problems" in fault.message


def test_problems_that_nobody_solves_are_advised_against() -> None:
    never = config(at_most=0.1, samples=8)
    (advice,) = [fault for fault in advice_on(never, facts_of(never)) if "selection" in fault.about[0]]
    assert "none of 8 responses" in advice.message
    some = config(at_most=0.25, samples=8)
    assert not [fault for fault in advice_on(some, facts_of(some)) if "selection" in fault.about[0]]


def test_sft_that_makes_its_own_solutions_needs_none() -> None:
    own = RunConfig.model_validate({"method": {"kind": "sft"}, "selection": {"kind": "rejection_sampling"}})
    assert faults_of(own, facts_of(own)) == []
