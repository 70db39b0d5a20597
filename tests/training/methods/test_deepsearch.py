"""The method around the search: what a step trains on, what it reuses, and how its problems narrow."""

from base64 import b64decode, b64encode
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.methods.parts import build
from training.assembly import build_method
from training.config import HardSubsetConfig
from training.events import TREE_COLUMNS, HardSubset, SolutionsFound, TreeRecord
from training.experience.records import group_event
from training.experience.summary import summarise_groups
from training.experience.types import Group, Rollout
from training.methods.deepsearch import DeepSearchTraining, drop_garbage
from training.methods.hard_subset import HardProblems, is_hard
from training.problems.arithmetic import generate
from training.problems.types import Problem
from training.rewards.verifier import Verdict
from training.solutions.file import SOLUTIONS_FILE, InvalidLine, SolutionLine, append_lines
from training.solutions.keys import problem_key, solution_key

METHOD: dict[str, Any] = {
    "kind": "deepsearch",
    "sampling": {"prompts_per_step": 4, "samples_per_prompt": 4, "max_tokens": 48},
    "search": {"width": 3, "max_depth": 6},
}


AT_ONCE: dict[str, Any] = {"fill": "at_once"}


def training(stack: ExitStack, folder: Path | None = None, **method: Any) -> DeepSearchTraining:
    parts, made = build(stack, method=METHOD | method)
    if folder:
        made = build_method(replace(parts, folder=folder), stack)
    assert isinstance(made, DeepSearchTraining)
    return made


def problems() -> list[Problem]:
    return generate("easy", 64, "train", 0)


def line(problem: Problem, text: str) -> SolutionLine:
    return SolutionLine(
        problem=problem_key(problem.prompt, problem.answer), key=solution_key(text), text=text, token_ids=[1],
        logprobs=b64encode(np.zeros(1, "<f4").tobytes()).decode(), tokenizer="another", verifier="0",
    )  # fmt: skip


def test_a_step_trains_on_recorded_trajectories_token_by_token() -> None:
    with ExitStack() as stack:
        method = training(stack)
        outcome = method.step(1)
    assert len(outcome.groups) == 4
    trees = [event for event in outcome.events if isinstance(event, TreeRecord)]
    assert [tree.index for tree in trees] == [0, 1, 2, 3]
    for group in outcome.groups:
        for rollout in group.rollouts:
            assert rollout.token_advantages is not None
            assert len(rollout.token_advantages) == len(rollout)
    assert outcome.metrics["tokens/step"] == sum(tree.tokens for tree in trees)
    assert any(rollout.ratios is not None for group in outcome.groups for rollout in group.rollouts if group.trained)


def test_a_search_that_stops_before_any_end_costs_no_step() -> None:
    search = {"width": 1, "max_depth": 12, "max_expansions": 1, "exhausted": "stop"}
    with ExitStack() as stack:
        parts, method = build(stack, method=METHOD | {"search": search})
        before = [parameter.clone() for parameter in parts.policy.model.parameters()]
        outcome = method.step(1)
    assert [group.rollouts for group in outcome.groups] == [[]] * 4
    assert not any(group.trained for group in outcome.groups)
    assert not {"reward/mean", "groups/dropped", "search/mean_reward", "search/uniform_share"} & set(outcome.metrics)
    assert outcome.metrics["search/solved_share"] == 0.0
    assert all(np.isfinite(value) for value in outcome.metrics.values())
    trees = [event for event in outcome.events if isinstance(event, TreeRecord)]
    assert [(tree.trajectories, tree.uniform, tree.mean_reward) for tree in trees] == [([], False, 0.0)] * 4
    assert all(group_event(group, 1, "train", 0, parts.codec).rollouts == [] for group in outcome.groups)
    assert all((old == new).all() for old, new in zip(before, parts.policy.model.parameters(), strict=True))


def test_groups_without_responses_count_in_no_figure() -> None:
    zeros = np.zeros(2, np.float32)
    answered = [Rollout([1, 2], "7", "stop", zeros, zeros, reward=reward) for reward in (0.0, 1.0)]
    groups = [Group(problems()[0], [1], []), Group(problems()[1], [1], answered)]
    figures = summarise_groups(groups)
    assert (figures["reward/mean"], figures["groups/zero_variance_share"], figures["groups/dropped"]) == (0.5, 0, 0)


def test_the_nodes_of_a_tree_that_was_not_trained_on_have_no_advantage() -> None:
    with ExitStack() as stack:
        outcome = training(stack).step(1)
    trained = [group.trained for group in outcome.groups]
    assert set(trained) == {True, False}
    for tree, used in zip([e for e in outcome.events if isinstance(e, TreeRecord)], trained, strict=True):
        through = np.frombuffer(b64decode(tree.columns["trajectories"]), TREE_COLUMNS["trajectories"])
        for name in ("advantage", "loss_share"):
            column = np.frombuffer(b64decode(tree.columns[name]), TREE_COLUMNS[name])
            assert (np.isfinite(column) == ((through > 0) & used)).all()
        score = np.frombuffer(b64decode(tree.columns["score"]), TREE_COLUMNS["score"])
        assert (np.isfinite(score) == (through > 0)).all()


def test_outcome_credit_gives_each_token_of_a_response_the_same() -> None:
    with ExitStack() as stack:
        outcome = training(stack, credit={"kind": "outcome"}).step(1)
    for group in outcome.groups:
        for rollout in group.rollouts:
            assert np.ptp(rollout.advantages) < 1e-6


def test_a_cached_problem_skips_its_search(tmp_path: Path) -> None:
    right = [line(problem, problem.solution or "") for problem in problems()]
    append_lines(tmp_path / SOLUTIONS_FILE, right)
    with ExitStack() as stack:
        outcome = training(stack, tmp_path, cache=AT_ONCE | {"most_used": 2}).step(1)
    assert not [event for event in outcome.events if isinstance(event, TreeRecord)]
    for group in outcome.groups:
        cached = [rollout for rollout in group.rollouts if rollout.cached]
        assert (len(cached), len(group.rollouts)) == (1, 4)
        assert cached[0].correct is True
        assert cached[0].finish_reason == "stop"
        assert cached[0].token_ids[-1] in (3,) or cached[0].token_ids[-1] != 1, "read anew, with an end token"
    assert outcome.metrics["cache/reuse_share"] == 1.0
    fresh = sum(len(rollout) for group in outcome.groups for rollout in group.rollouts if not rollout.cached)
    assert outcome.metrics["tokens/step"] == fresh


def test_what_the_verifier_rejects_is_never_served(tmp_path: Path) -> None:
    append_lines(tmp_path / SOLUTIONS_FILE, [line(problem, "<answer>-1</answer>") for problem in problems()])
    with ExitStack() as stack:
        outcome = training(stack, tmp_path, cache=AT_ONCE).step(1)
    assert not any(rollout.cached for group in outcome.groups for rollout in group.rollouts)
    assert len([event for event in outcome.events if isinstance(event, TreeRecord)]) == 4
    (told,) = (event for event in outcome.events if isinstance(event, SolutionsFound))
    assert len(told.rejected) == 4


def test_what_the_verifier_cannot_tell_today_is_neither_served_nor_withdrawn(tmp_path: Path) -> None:
    append_lines(tmp_path / SOLUTIONS_FILE, [line(problem, problem.solution or "") for problem in problems()])
    with ExitStack() as stack:
        method = training(stack, tmp_path, cache=AT_ONCE)
        method._reuse.catch_up()
        scorer = method._reuse._scorer
        judge, undecided = scorer.judge_text, Future[Verdict]()
        undecided.set_result(Verdict(None, "7", "took too long"))
        scorer.judge_text = lambda text, answer: undecided  # type: ignore[method-assign]
        assert method._reuse.verified_for(problems()[:4], 4) == [[]] * 4
        scorer.judge_text = judge  # type: ignore[method-assign]
        assert all(method._reuse.verified_for(problems()[:4], 4))


def test_what_others_found_waits_for_this_runs_own_rule(tmp_path: Path) -> None:
    append_lines(tmp_path / SOLUTIONS_FILE, [line(problem, problem.solution or "") for problem in problems()])
    with ExitStack() as stack:
        outcome = training(stack, tmp_path, cache={"fill": "rare"}).step(1)
    assert outcome.metrics["cache/reuse_share"] == 0.0
    assert outcome.metrics["cache/problems"] == 0.0


def test_an_invalidation_reaches_a_run_under_way(tmp_path: Path) -> None:
    append_lines(tmp_path / SOLUTIONS_FILE, [line(problem, problem.solution or "") for problem in problems()])
    with ExitStack() as stack:
        method = training(stack, tmp_path, cache=AT_ONCE)
        assert method.step(1).metrics["cache/reuse_share"] == 1.0
        withdrawn = [line(problem, problem.solution or "") for problem in problems()]
        append_lines(
            tmp_path / SOLUTIONS_FILE,
            [InvalidLine(problem=each.problem, key=each.key, reason="wrong step") for each in withdrawn],
        )
        outcome = method.step(2)
    assert outcome.metrics["cache/reuse_share"] == 0.0
    assert len([event for event in outcome.events if isinstance(event, TreeRecord)]) == 4


def test_a_group_of_cached_solutions_alone_teaches_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    texts = ["{0}", "now {0}", "so {0}", "then {0}", "and {0}"]
    lines = [line(problem, text.format(problem.solution)) for problem in problems() for text in texts]
    append_lines(tmp_path / SOLUTIONS_FILE, lines)
    with ExitStack() as stack:
        method = training(stack, tmp_path, cache=AT_ONCE | {"most_used": 9})
        groups = method._gather(1)
        method._credit(groups)
    for group in groups:
        assert len(group.rollouts) == 4, "a group has no more places than samples"
        assert all(rollout.cached for rollout in group.rollouts)
        assert not any(rollout.teaches for rollout in group.rollouts)
    assert sum(group.tokens_sampled for group in groups) == 0


def test_solutions_found_are_told_once_and_name_their_node() -> None:
    with ExitStack() as stack:
        method = training(stack, cache={"fill": "at_once"})
        outcomes = [method.step(step) for step in (1, 2)]
    found = [each for o in outcomes for event in o.events if isinstance(event, SolutionsFound) for each in event.found]
    names = [(each.problem, solution_key(each.text)) for each in found]
    assert names
    assert len(names) == len(set(names))
    assert all(each.node is not None for each in found)


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


def test_garbage_is_left_out_of_training() -> None:
    zeros = np.zeros(3, np.float32)
    looping = Rollout([1, 2, 3], "so 7. " * 40, "length", zeros, zeros, advantage=-0.5, correct=False)
    honest = Rollout([1, 2, 3], "3+4=8", "stop", zeros, zeros, advantage=-0.5, correct=False)
    drop_garbage(Group(problems()[0], [1], [looping, honest]))
    assert (looping.teaches, honest.teaches) == (False, True)
