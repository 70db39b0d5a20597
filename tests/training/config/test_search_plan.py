"""The plan of a search: bounds that no tree can pass, and their words."""

import random
from typing import Any

import numpy as np
import pytest

from training.config import DeepSearchMethod, RunConfig, SearchConfig
from training.config.plan import Plan, in_words, plan_of
from training.config.search_plan import SearchPlan, fewest_expansions, most_ends, most_expansions, widths
from training.sampling.types import Completion
from training.search.endings import Judged
from training.search.growing import GrowingTree
from training.search.steps import StepRule

END, SEPARATOR, LONGEST = 1, 2, 24


def deepsearch(steps: int = 100, **method: Any) -> RunConfig:
    sampling = {"prompts_per_step": 4, "samples_per_prompt": 8, "max_tokens": 64} | method.pop("sampling", {})
    return RunConfig.model_validate({
        "steps": steps, "method": {"kind": "deepsearch", "sampling": sampling} | method,
    })  # fmt: skip


def search_of(config: RunConfig) -> tuple[Plan, SearchPlan]:
    plan = plan_of(config, 20)
    assert plan.search is not None
    return plan, plan.search


def words(config: RunConfig, train_count: int | None = 500) -> str:
    return "\n".join(in_words(config, plan_of(config, 20), train_count))


def test_methods_that_do_not_search_have_no_plan_of_it() -> None:
    assert plan_of(RunConfig()).search is None


def test_a_step_is_an_equal_share_and_an_expansion_a_step_for_each_child() -> None:
    plan, search = search_of(deepsearch(search={"width": 4, "max_depth": 16, "max_expansions": 30}))
    assert plan.sequences == 4 * 8
    assert (search.step_tokens, search.children, search.expansions) == (4, 4, 30)
    assert search.tokens == 30 * 4 * 4
    assert search.direct_tokens == 8 * 64
    assert search.nodes == 30 * 4 + 8 * 16


def test_a_small_tree_is_expanded_no_more_often_than_it_has_nodes() -> None:
    _, search = search_of(deepsearch(search={"width": 2, "max_depth": 4}))
    assert search.expansions == 1 + 2 + 4 + 8


def test_a_step_up_to_a_separator_may_take_the_whole_response() -> None:
    _, search = search_of(deepsearch(search={"step": "separator", "max_expansions": 10}))
    assert search.tokens == 10 * 8 * 64


def test_a_lazy_search_samples_whole_continuations() -> None:
    lazy = {"expansion": "lazy", "lazy_start": 4, "lazy_branches": 2, "max_expansions": 10, "exhausted": "stop"}
    _, search = search_of(deepsearch(search=lazy))
    assert search.tokens == (4 + 9 * 2) * 64
    assert search.direct_tokens == 0
    assert search.nodes == (4 + 9 * 2) * 8


def test_no_lazy_draw_is_wider_than_a_node() -> None:
    lazy = {"expansion": "lazy", "width": 2, "lazy_start": 4, "lazy_branches": 3, "max_expansions": 5}
    _, search = search_of(deepsearch(search=lazy))
    assert (search.children, search.tokens) == (2, 5 * 2 * 64)


@pytest.mark.parametrize(("steps", "phase", "looks"), [(100, 50, 2), (101, 50, 3), (10, 50, 1), (1, 1, 1)])
def test_the_hard_subset_is_measured_before_the_first_step_and_between_phases(
    steps: int, phase: int, looks: int
) -> None:
    _, search = search_of(deepsearch(steps, hard_subset={"enabled": True, "phase_steps": phase}))
    assert search.looks == looks


def test_the_words_say_what_a_tree_costs() -> None:
    said = words(deepsearch(search={"width": 4, "max_depth": 16, "max_expansions": 30}))
    assert "4 trees × 8 trajectories = 32 responses a step" in said
    assert "Each expansion samples 4 children, each a step of 4 tokens, to a depth of 16." in said
    assert "At most 30 expansions × 4 children × 4 tokens = 480 sampled a tree; it stops at 8 trajectories." in said
    assert f"the rest are direct responses. At most {4 * (480 + 512):,} tokens sampled a step." in said


def test_the_words_of_a_lazy_search_count_continuations() -> None:
    lazy = {"expansion": "lazy", "step": "separator", "max_expansions": 10, "exhausted": "stop"}
    said = words(deepsearch(search=lazy))
    assert "Each tree begins with 4 whole continuations, then branches 1 at a time; steps of text up to the" in said
    assert "At most 13 continuations × 64 tokens = 832 sampled a tree" in said
    assert "direct responses. At most" not in said


def test_the_words_say_what_the_hard_subset_looks_at() -> None:
    subset = {"enabled": True, "samples": 4, "threshold": 0.25, "rule": "below"}
    said = words(deepsearch(hard_subset=subset))
    assert "measured 2 times, first before step 1, on at most 500 problems × 4 = 2,000 responses" in said
    assert "problems with less than 25\N{NO-BREAK SPACE}% right stay" in said
    assert "each problem × 4 responses" in words(deepsearch(hard_subset=subset), None)
    assert "Hard subset" not in words(deepsearch())


@pytest.mark.parametrize(
    ("cache", "part"),
    [
        ({"most_used": 3}, "at most 3 cached solutions, at least 5 direct responses"),
        ({"most_used": 99}, "at most 8 cached solutions, at least 0 direct responses"),
        ({"fill": "at_once"}, "Solutions are kept as soon as they are found."),
        (
            {"rare_share": 0.5},
            "Every 50 steps it takes in solutions of problems solved in at most 50\N{NO-BREAK SPACE}%",
        ),
    ],
)
def test_the_words_say_what_the_cache_does(cache: dict[str, Any], part: str) -> None:
    assert part in words(deepsearch(cache=cache))
    assert "cached" not in words(deepsearch(cache=cache | {"enabled": False}))


def most_recorded(search: SearchConfig, tries: int = 300) -> int:
    """The most recorded ends that growing trees at random found, when any child may end anywhere."""
    return max(_grow(search, random.Random(number)) for number in range(tries))


def _grow(search: SearchConfig, rng: random.Random) -> int:
    waiting, recorded, left_over = [0], 0, 0
    share = rng.choice([0.0, 0.3, 0.7])
    while waiting:
        depth = waiting.pop(rng.randrange(len(waiting)))
        ends = 0
        for _ in range(widths(search)[depth]):
            if depth + 1 == search.max_depth or rng.random() < share:
                ends += 1
            else:
                waiting.append(depth + 1)
        taken = min(ends, 1) if search.record == "one" else ends
        recorded, left_over = recorded + taken, left_over + ends - taken
    return recorded + (left_over if search.exhausted == "flush" else 0)


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize(("record", "exhausted"), [("one", "flush"), ("one", "stop"), ("all", "direct")])
def test_no_tree_records_more_ends_than_it_is_said_to_have(width: int, depth: int, record: Any, exhausted: Any) -> None:
    search = SearchConfig(width=width, max_depth=depth, record=record, exhausted=exhausted)
    assert most_recorded(search) == most_ends(search)


def test_a_decay_narrows_deep_nodes_as_in_the_released_code() -> None:
    given = widths(SearchConfig(width=8, max_depth=64, min_width=2, width_decay=1))
    assert [given[depth] for depth in (0, 7, 8, 16, 40, 48, 63)] == [8, 8, 7, 6, 3, 2, 2]


@pytest.mark.parametrize(
    ("search", "fewest"),
    [({"max_depth": 8}, 15), ({"max_depth": 8, "record": "all", "width": 4}, 9), ({"expansion": "lazy"}, 8),
     ({"expansion": "lazy", "record": "all", "lazy_start": 4, "lazy_branches": 2}, 3)],
)  # fmt: skip
def test_full_length_responses_take_at_least_so_many_expansions(search: dict[str, Any], fewest: int) -> None:
    assert fewest_expansions(SearchConfig.model_validate(search), 8) == fewest


def test_counting_does_not_mind_huge_trees() -> None:
    huge = SearchConfig(width=256, max_depth=4096, max_expansions=65_536)
    assert most_expansions(huge) == 65_536
    assert most_ends(huge) >= 10**12


def grown(search: SearchConfig, wanted: int, rng: random.Random) -> GrowingTree:
    """A tree of the trainer's own, fed with random tokens until it is done."""
    rule = StepRule(LONGEST, search.max_depth, 0, (SEPARATOR,))
    if search.step == "tokens":
        rule = StepRule(LONGEST, search.max_depth, LONGEST // search.max_depth, ())
    tree = GrowingTree(search, rule, wanted, (END,), rng.randrange(1000))
    ending = rng.choice([0.0, 0.1, 0.5])
    while not tree.is_done:
        request = tree.request()
        drawn = [_draw(request.max_tokens, request.stop_ids, ending, rng) for _ in range(request.count)]
        ended = tree.attach(request, drawn)
        tree.take(ended, [Judged(rng.random() < 0.3, "42", ended=True) for _ in ended])
    return tree


def _draw(most: int, stops: tuple[int, ...], ending: float, rng: random.Random) -> Completion:
    ids: list[int] = []
    while len(ids) < most and not (ids and ids[-1] in stops):
        ids.append(END if rng.random() < ending else rng.choice([SEPARATOR, 5, 6, 7]))
    logprobs = np.full(len(ids), -0.5, np.float32)
    return Completion(ids, logprobs, -logprobs, "stop" if ids[-1] in stops else "length", 0)


@pytest.mark.parametrize("seed", range(120))
def test_no_tree_of_the_trainer_passes_its_plan(seed: int) -> None:
    rng = random.Random(seed)
    search = SearchConfig(
        expansion=rng.choice(["full", "lazy"]),
        step=rng.choice(["tokens", "separator"]),
        width=rng.choice([1, 2, 3, 8]),
        width_decay=rng.choice([0, 0, 1]),
        max_depth=rng.choice([1, 2, 4, 8]),
        max_expansions=rng.choice([1, 5, 40]),
        lazy_start=rng.choice([1, 4]),
        lazy_branches=rng.choice([1, 2]),
        selection=rng.choice(["frontier", "uct"]),
        record=rng.choice(["one", "all"]),
        exhausted=rng.choice(["flush", "direct", "stop"]),
    )
    method = DeepSearchMethod(search=search).model_dump()
    method["sampling"] |= {"samples_per_prompt": 5, "max_tokens": LONGEST}
    _, plan = search_of(RunConfig.model_validate({"method": method}))
    tree = grown(search, 5, rng)
    direct = tree.tokens > plan.tokens or tree.expansions > plan.expansions
    assert tree.tokens <= plan.tokens_of_tree
    assert tree.expansions <= plan.expansions + 1  # direct responses count as one
    assert len(tree.tree) - 1 <= plan.nodes
    assert len(tree.recorded) <= 5
    assert not (direct and search.exhausted == "stop")
