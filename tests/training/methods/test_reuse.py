"""Verified solutions in a step: which are served, which are told, and what that saves."""

from base64 import b64encode
from concurrent.futures import Future
from contextlib import ExitStack
from copy import deepcopy
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.training.methods.searching import AT_ONCE, line, problems, training
from training.events import SolutionsFound, TreeRecord
from training.experience.types import Group, Rollout
from training.methods.deepsearch import DeepSearchTraining
from training.problems.types import Problem
from training.rewards.verifier import Verdict
from training.solutions.file import SOLUTIONS_FILE, InvalidLine, SolutionLine, append_lines
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


@pytest.mark.parametrize("prefer", ["newest", "shortest"])
def test_all_that_may_be_used_was_told(prefer: str) -> None:
    (problem,) = problems()[:1]
    with ExitStack() as stack:
        reuse = training(stack, cache=AT_ONCE | {"per_problem": 2, "prefer": prefer})._reuse
        told: set[str] = set()
        for step, texts in enumerate((["long", "longer"], ["longest"], ["a", "b"])):
            found = reuse.account(step, [answered(problem, *texts)])
            told |= {solution_key(each.text) for each in found.found} if found else set()
            assert {solution.key for solution in reuse._cache.of(reuse.key_of(problem))} <= told


def test_what_was_told_is_remembered_as_long_as_it_can_come_again_and_no_longer() -> None:
    one, two, three = problems()[:3]
    with ExitStack() as stack:
        newest = AT_ONCE | {"per_problem": 2, "prefer": "newest"}
        reuse, resumed = training(stack, cache=newest)._reuse, training(stack, cache=newest)._reuse
        told = reuse.account(1, [answered(one, "a"), answered(two, "a", "b", "c"), searched(three, 9)])
        assert told is not None
        assert [each.text for each in told.found] == ["a", "b", "c"]
        resumed.load_state_dict(deepcopy(reuse.state_dict()))
        again = resumed.account(2, [answered(one, "a", "b"), answered(two, "c", "d")])
        assert again is not None
        assert [each.text for each in again.found] == ["b", "d"]
        resumed.end_phase(None, [two])
        assert set(resumed._told) == {resumed.key_of(two)}
        assert resumed.account(3, [answered(two, "d")]) is None


def served(method: DeepSearchTraining, lines: list[SolutionLine], folder: Path) -> list[list[Rollout]]:
    append_lines(folder / SOLUTIONS_FILE, lines)
    method._reuse.catch_up()
    return method._reuse.verified_for(problems()[: len(lines)], 4)


def test_a_solution_of_a_model_that_ends_otherwise_is_ended_as_this_one_ends(tmp_path: Path) -> None:
    with ExitStack() as stack:
        method = training(stack, tmp_path, cache=AT_ONCE)
        codec, asked = method._codec, problems()[:4]
        (stop, *_), texts = codec.stop_ids, [problem.solution or "" for problem in asked]
        ids = [codec.response_ids(text) for text in texts]
        other = next(token for token in range(99) if token not in {*codec.stop_ids, *chain(*ids)})
        given = [ids[0], [*ids[1][:-1], other], ids[2][:-1], [*ids[3][:-1], stop, other, stop]]
        lines = [
            line(problem, text).model_copy(
                update={
                    "tokenizer": codec.digest, "token_ids": each,
                    "logprobs": b64encode(np.full(len(each), -1.0, "<f4").tobytes()).decode(),
                }
            )
            for problem, text, each in zip(asked, texts, given, strict=True)
        ]  # fmt: skip
        found = [rollouts[0] for rollouts in served(method, lines, tmp_path)]
    assert [rollout.token_ids for rollout in found] == ids
    assert [bool(rollout.sampler_logprobs.any()) for rollout in found] == [True, False, False, False]


def test_a_text_that_the_tokenizer_cannot_write_is_not_served(tmp_path: Path) -> None:
    with ExitStack() as stack:
        method = training(stack, tmp_path, cache=AT_ONCE)
        codec, asked = method._codec, problems()[:2]
        end = codec.tokenizer.convert_ids_to_tokens(codec.stop_ids[0])
        special = next(each for each in codec.tokenizer.all_special_tokens if each != end)
        texts = [f"{end}{asked[0].solution}", f"{special}{asked[1].solution}"]
        lines = [line(problem, text) for problem, text in zip(asked, texts, strict=True)]
        assert served(method, lines, tmp_path) == [[], []]


def test_a_problem_that_comes_up_twice_in_a_step_is_served_and_told_of_both_times(tmp_path: Path) -> None:
    one = problems()[0]
    with ExitStack() as stack:
        method = training(stack, tmp_path, cache=AT_ONCE | {"most_used": 2})
        append_lines(tmp_path / SOLUTIONS_FILE, [line(one, one.solution or "")])
        method._reuse.catch_up()
        cached = method._reuse.verified_for([one, one], 4)
        assert [len(each) for each in cached] == [1, 1]
        assert cached[0][0] is not cached[1][0]
        again = [answered(one, one.solution or "", "also", cached=1) for _ in range(2)]
        said = method._reuse.account(1, [*again, searched(problems()[1], 50)])
    assert said is not None
    assert [each.tokens_saved for each in said.used] == [46, 46]
    assert len(said.found) == 1, "a response that both gave is one solution"


def test_what_is_reinstated_is_used_again_though_nothing_is_shared(tmp_path: Path) -> None:
    own, foreign = problems()[:2]
    with ExitStack() as stack:
        method = training(stack, tmp_path, cache=AT_ONCE | {"share": False})
        reuse, text = method._reuse, own.solution or ""
        reuse.account(1, [answered(own, text)])
        assert reuse.has(own)
        mine, theirs = line(own, text), line(foreign, foreign.solution or "")
        append_lines(tmp_path / SOLUTIONS_FILE, [InvalidLine(problem=mine.problem, key=mine.key, reason="a guess")])
        reuse.catch_up()
        assert not reuse.has(own)
        resumed = training(stack, tmp_path, cache=AT_ONCE | {"share": False})._reuse
        resumed.load_state_dict(deepcopy(reuse.state_dict()))
        append_lines(tmp_path / SOLUTIONS_FILE, [mine, theirs])
        for each in (reuse, resumed):
            each.catch_up()
            assert (each.has(own), each.has(foreign)) == (True, False)
            [[rollout], none] = each.verified_for([own, foreign], 4)
            assert (rollout.token_ids, none) == ([2, 2, 2, 1], [])
