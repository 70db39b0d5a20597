"""What a tree becomes does not depend on the trees beside it."""

from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from tests.training.methods.parts import build
from training.events import TreesGrowing
from training.events.sinks import ListSink
from training.experience.tree import SearchRound
from training.experience.types import Group
from training.methods.deepsearch import DeepSearchTraining
from training.recorder import Recorder

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


def test_a_tree_that_grows_is_shown_after_every_round_of_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the first trees are done, and each tree alone has too many nodes to be shown with another."""
    monkeypatch.setattr("training.experience.tree.GLIMPSE_EVERY_S", 0.0)
    monkeypatch.setattr("training.experience.tree.GLIMPSE_NODES", 1)
    with ExitStack() as stack:
        parts, training = searched(stack)
        said = ListSink()
        training._trees._recorder = Recorder(said)
        backwards = [3, 2, 1, 0]
        groups = training.experience.gather(
            SearchRound([parts.problems.train[place] for place in backwards], 7, 1, "w", backwards)
        )
    glimpses = [event for event in said.events if isinstance(event, TreesGrowing)]
    assert len(glimpses) == training._trees.clock.rounds - 1, "the last round leaves nothing that grows"
    nodes = {place: len(group.search.tree) for place, group in zip(backwards, groups, strict=True) if group.search}
    for glimpse in glimpses:
        (shown,) = glimpse.trees
        assert glimpse.live + glimpse.done == 4
        assert shown.nodes < nodes[shown.index], "it grows on"
    assert len({glimpse.trees[0].index for glimpse in glimpses}) > 1
