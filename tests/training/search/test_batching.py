"""What a tree becomes does not depend on the trees beside it."""

from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from tests.training.methods.parts import build
from training.experience.tree import SearchRound
from training.experience.types import Group
from training.methods.deepsearch import DeepSearchTraining

SEARCH: dict[str, Any] = {
    "kind": "deepsearch",
    "sampling": {"prompts_per_step": 4, "samples_per_prompt": 4, "max_tokens": 64},
    "search": {"width": 3, "max_depth": 8},
}


def searched(stack: ExitStack, **search: Any) -> tuple[Any, DeepSearchTraining]:
    method = SEARCH | {"search": SEARCH["search"] | search}
    parts, training = build(stack, method=method)
    assert isinstance(training, DeepSearchTraining)
    return parts, training


def same(one: Group, other: Group) -> bool:
    assert one.search is not None
    assert other.search is not None
    left, right = one.search.tree.state_dict(), other.search.tree.state_dict()
    exact = [name for name in left if left[name].dtype.kind in "iu"]
    return all(np.array_equal(left[name], right[name]) for name in exact) and np.allclose(
        left["q"], right["q"], atol=1e-9
    )


@pytest.mark.parametrize("search", [{}, {"step": "separator"}, {"expansion": "lazy", "record": "all"}])
def test_a_tree_grows_alone_as_it_grows_among_others(search: dict[str, Any]) -> None:
    with ExitStack() as stack:
        parts, training = searched(stack, **search)
        problems = parts.problems.train[:4]
        together = training.experience.gather(SearchRound(problems, 7, 1, "w"))
        for place, problem in enumerate(problems):
            (alone,) = training.experience.gather(SearchRound([problem], 7, 1, "w", [place]))
            assert same(alone, together[place])


def test_trajectories_are_whole_responses_that_end_once() -> None:
    with ExitStack() as stack:
        parts, training = searched(stack)
        stops = parts.codec.stop_ids
        for group in training.experience.gather(SearchRound(parts.problems.train[:4], 3, 1, "w")):
            assert len(group.rollouts) == 4
            for rollout in group.rollouts:
                assert not set(rollout.token_ids[:-1]) & set(stops), "nothing is sampled after an end token"
                assert (rollout.token_ids[-1] in stops) == (rollout.finish_reason == "stop")
                assert len(rollout) == len(rollout.sampler_logprobs) <= 64


def test_log_probs_of_a_path_are_those_of_a_plain_forward() -> None:
    with ExitStack() as stack:
        parts, training = searched(stack)
        groups = training.experience.gather(SearchRound(parts.problems.train[:2], 3, 1, "w"))
        examples = [example for group in groups for example in group.examples]
        truth = parts.policy.statistics(examples, 1.0).logprobs.detach().numpy()
        sampled = np.concatenate([rollout.sampler_logprobs for group in groups for rollout in group.rollouts])
        assert np.abs(truth - sampled).max() < 1e-4


def test_hardly_any_prefix_is_computed_twice() -> None:
    with ExitStack() as stack:
        parts, training = searched(stack, width=4)
        training.experience.gather(SearchRound(parts.problems.train[:8], 3, 1, "w"))
        groups = training.experience.gather(SearchRound(parts.problems.train[8:24], 4, 1, "w"))
        prefix = sum(group.search.prefix_tokens for group in groups if group.search)
        assert training.experience.clock.recomputed / prefix < 0.1
