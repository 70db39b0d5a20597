"""The rStar2-Agent recipe on the shipped model for tools, with an executor that computes plain arithmetic only."""

import ast
import re
from concurrent.futures import Future
from contextlib import ExitStack

import numpy as np
import pytest

from tests.fake_executor import FakeExecutor
from tests.training.methods.parts import build
from training.agent import service
from training.codec import Codec
from training.config.presets import GRPO_AGENTIC, RSTAR2_AGENT, Preset
from training.experience.records import group_event
from training.experience.types import Group
from training.methods.grpo import GrpoTraining
from training.methods.types import Outcome
from training.problems.computation import generate_computations
from training.sandbox.types import Call, ExecutionResult, ProgramError

ANSWERS = {problem.meta["expression"]: problem.answer for problem in generate_computations(64, "train", 0)}
"""What the problems that are trained on come to."""


Step = tuple[Outcome, list[Group], Codec]


class Calculating(FakeExecutor):
    """Knows what the problems come to; any other program of theirs raises an error."""

    def submit(self, call: Call) -> "Future[ExecutionResult]":
        future: Future[ExecutionResult] = Future()
        found = re.fullmatch(r"(?:print\()?([\d+\-*%()]+?)\)?", call.program)
        value = None if found is None else ANSWERS.get(found[1], ANSWERS.get(f"{found[1]})"))
        if value is None or not _parses(call.program):
            error = ProgramError("NameError", "name 'prin' is not defined", 1, call.program.split("\n")[0])
            future.set_result(ExecutionResult(call.id, "error", exit_code=1, error=error))
        else:
            future.set_result(ExecutionResult(call.id, "ok", exit_code=0, stdout=f"{value}\n"))
        return future


def _parses(program: str) -> bool:
    try:
        ast.parse(program)
    except SyntaxError:
        return False
    return True


@pytest.fixture(scope="module")
def recipe() -> Step:
    return first_step(RSTAR2_AGENT)


def first_step(preset: Preset) -> Step:
    """One small step of the preset."""
    tree = preset.config.model_dump(mode="json")
    tree["problems"] |= {"train_count": 64, "heldout_count": 8}
    tree["method"]["sampling"] |= {"prompts_per_step": 6, "samples_per_prompt": 4, "max_tokens": 200}
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "open_executor", lambda config, stack: Calculating())
        parts, method = build(stack, **{name: tree[name] for name in ("model", "problems", "prompt", "method")})
        assert isinstance(method, GrpoTraining)
        outcome = method.step(1)
    return outcome, outcome.groups, parts.codec


def test_a_step_of_the_recipe_learns_from_cleaner_successes_than_it_drew(recipe: Step) -> None:
    outcome, groups, codec = recipe
    metrics = outcome.metrics
    assert metrics["roc/rollouts_drawn"] == 48
    assert metrics["tools/used_share"] > 0.5
    assert 0.1 < metrics["reward/mean"] < 0.9
    assert metrics["tools/error_ratio_right"] > 0
    assert metrics["roc/penalty_kept"] <= metrics["roc/penalty_drawn"]
    assert metrics["roc/error_ratio_kept"] <= metrics["tools/error_ratio_right"]
    shown = [record for place, group in enumerate(groups)
             for record in group_event(group, 1, "train", place, codec).rollouts]  # fmt: skip
    assert [record.selected for record in shown] == [each.selected for group in groups for each in group.rollouts]
    assert len(shown) == 48


def test_nothing_is_learned_from_what_tools_said(recipe: Step) -> None:
    _, groups, _ = recipe
    learned = [each for group in groups if group.trained for each in group.learned if each.mask is not None]
    assert learned
    for rollout in learned:
        assert rollout.mask is not None
        assert np.all(rollout.advantages[~rollout.mask] == 0)
        assert np.all(rollout.advantages[rollout.mask] == np.float32(rollout.advantage))
        assert rollout.ratios is None or np.all(rollout.ratios[~rollout.mask] == 0)


def test_without_resampling_every_response_is_learned_from() -> None:
    outcome, groups, _ = first_step(GRPO_AGENTIC)
    assert all(each.selected for group in groups for each in group.rollouts)
    assert "tools/error_ratio_right" in outcome.metrics
    assert not any(name.startswith("roc/") for name in outcome.metrics)
