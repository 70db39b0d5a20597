"""Verified solutions in a step: which are served, which are told, and what that saves."""

from concurrent.futures import Future
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from tests.training.methods.searching import AT_ONCE, line, problems, training
from training.events import SolutionsFound, TreeRecord
from training.experience.types import Group, Rollout
from training.problems.types import Problem
from training.rewards.verifier import Verdict
from training.solutions.file import SOLUTIONS_FILE, InvalidLine, append_lines
from training.solutions.keys import solution_key


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


def searched(problem: Problem, tokens: int) -> Group:
    """A group whose tree took so many tokens, and recorded nothing."""
    tree = SimpleNamespace(tokens=tokens)
    return Group(problem, [1], [], search=tree)  # type: ignore[arg-type]


def answered(problem: Problem, *texts: str, cached: int = 0, length: int = 4) -> Group:
    """A group of right responses; the first `cached` come from the cache."""
    arrays = np.zeros(length, np.float32)
    rollouts = [
        Rollout([2] * (length - 1) + [1], text, "stop", arrays, arrays, correct=True, cached=number < cached)
        for number, text in enumerate(texts)
    ]
    return Group(problem, [1], rollouts)


def test_what_is_saved_is_a_mean_search_less_direct_responses_and_never_negative() -> None:
    one, two, three = problems()[:3]
    with ExitStack() as stack:
        reuse = training(stack, cache=AT_ONCE)._reuse
        early = reuse.account(1, [answered(one, "a", "b", cached=2)])
        assert early is not None
        assert [each.tokens_saved for each in early.used] == [0, 0], "no search yet to compare with"
        groups = [answered(one, "a", "b", "c", cached=2), searched(two, 100), searched(three, 21)]
        said = reuse.account(2, groups)
        assert said is not None
        assert [each.tokens_saved for each in said.used] == [28, 28], "(100 + 21) / 2 - 4, divided in two"
        assert reuse.figures(3)["cache/tokens_saved"] == 56.0
        dear = reuse.account(3, [answered(one, "a", "d", cached=1, length=400)])
        assert dear is not None
        assert [each.tokens_saved for each in dear.used] == [0]


def test_what_was_told_is_remembered_as_long_as_it_can_come_again_and_no_longer() -> None:
    one, two, three = problems()[:3]
    with ExitStack() as stack:
        method = training(stack, cache=AT_ONCE | {"per_problem": 2})
        reuse, resumed = method._reuse, training(stack, cache=AT_ONCE | {"per_problem": 2})._reuse
        told = reuse.account(1, [answered(one, "a"), answered(two, "a", "b", "c"), searched(three, 9)])
        assert told is not None
        assert [each.text for each in told.found] == ["a", "a", "b"]
        assert reuse._told == {reuse.key_of(one): {solution_key("a")}, reuse.key_of(two): None}
        resumed.load_state_dict(deepcopy(reuse.state_dict()))
        again = resumed.account(2, [answered(one, "a", "b"), answered(two, "a", "d")])
        assert again is not None
        assert [each.text for each in again.found] == ["b"]
        resumed.end_phase(None, [two])
        assert set(resumed._told) == {resumed.key_of(two)}
        assert resumed.account(3, [answered(two, "e")]) is None
