"""The hard subset: which problems stay, when a run looks at them again, and what a look holds."""

from collections.abc import Sequence
from contextlib import ExitStack
from copy import deepcopy
from unittest.mock import patch

import pytest

from tests.training.methods.searching import problems, training
from training.config import HardSubsetConfig
from training.events import HardSubset, PhaseChanged
from training.events.sinks import ListSink
from training.experience.types import Group
from training.methods.hard_subset import HardProblems, is_hard, look
from training.methods.types import Outcome
from training.problems.types import Problem
from training.recorder import Recorder
from training.sampling.types import SamplingParams


@pytest.mark.parametrize(
    ("rule", "kept"), [("at_most", [True, True, False, False, False]), ("below", [True, False, False, False, False])]
)
def test_the_hard_subset_keeps_what_is_seldom_solved(rule: str, kept: list[bool]) -> None:
    config = HardSubsetConfig(samples=4, threshold=0.25, rule=rule)  # type: ignore[arg-type]
    assert [is_hard(right, 4, config) for right in range(5)] == kept


def test_a_subset_that_would_be_too_small_stays_as_it_was() -> None:
    hard = HardProblems(HardSubsetConfig(smallest=3), problems()[:4])
    assert hard.narrow([0, 4, 4, 4]) == [True] * 4
    assert hard.narrow([0, 0, 1, 4]) == [True, True, True, False]
    other = HardProblems(HardSubsetConfig(), problems())
    other.load_state_dict(hard.state_dict())
    assert [p.id for p in other.current] == [p.id for p in hard.current]


def test_each_phase_looks_again_and_says_what_it_saw() -> None:
    subset = {"enabled": True, "samples": 2, "threshold": 0.5, "phase_steps": 1, "smallest": 2}
    with ExitStack() as stack:
        method = training(stack, hard_subset=subset)
        looks = [e for step in (1, 2) for e in method.step(step).events if isinstance(e, HardSubset)]
    assert [look.phase for look in looks] == [0, 1]
    assert len(looks[0].ids) == 64
    assert len(looks[1].ids) == sum(looks[0].kept) < 64
    assert all((right <= 1) == kept for right, kept in zip(looks[0].right, looks[0].kept, strict=True))
    assert looks[0].tokens > 0


def test_a_look_in_parts_sees_what_a_look_at_once_does() -> None:
    with ExitStack() as stack:
        method = training(stack)
        said, held, experience = ListSink(), list[int](), method._experience
        recorder = experience._recorder = Recorder(said)
        gather, params = experience._gather, method._sampling_params(7, 2)

        def counting(problems: Sequence[Problem], params: Sequence[SamplingParams]) -> list[Group]:
            held.append(len(problems))
            return gather(problems, params)

        experience._gather = counting  # type: ignore[method-assign]
        with patch("training.recorder.PROGRESS_EVERY_S", 0.0):
            parts = list(look(problems()[:7], params, experience, recorder, at_once=6))
        assert held == [3, 3, 1]
        whole = list(look(problems()[:7], params, experience, recorder))
    assert parts == whole
    assert len(set(whole)) > 1
    progress = [event for event in said.events if isinstance(event, PhaseChanged)][:15]
    assert [(event.phase, event.done, event.total) for event in progress] == [("filtering", n, 14) for n in range(15)]


@pytest.mark.parametrize("saved", [1, 2])
def test_a_run_that_resumes_looks_where_it_would_have_looked(saved: int) -> None:
    """Phases begin before steps 1, 3 and 5; it resumes inside a phase, or at its boundary."""
    subset = {"enabled": True, "samples": 2, "threshold": 0.5, "phase_steps": 2, "smallest": 2}
    with ExitStack() as stack:
        undisturbed, resumed = (training(stack, count=16, hard_subset=subset) for _ in range(2))
        looks = [looks_of(undisturbed.step(step)) for step in range(1, saved + 1)]
        assert [len(each) for each in looks] == [1, 0][:saved]
        resumed.load_state_dict(deepcopy(undisturbed.state_dict()), saved)
        for step in range(saved + 1, 4):
            resumed._model.load_state_dict(undisturbed._model.state_dict())
            again = looks_of(resumed.step(step))
            assert [look.phase for look in again] == ([1] if step == 3 else [])
            assert again == looks_of(undisturbed.step(step))
    assert [p.id for p in resumed._hard.current] == [p.id for p in undisturbed._hard.current]


def looks_of(outcome: Outcome) -> list[HardSubset]:
    """Its looks at the problems, all at the same time of day."""
    return [event.model_copy(update={"at": 0.0}) for event in outcome.events if isinstance(event, HardSubset)]
