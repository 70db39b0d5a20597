"""What searches may cost, counted from their config: children, expansions, tokens, looks at the problems.

Trees end early when they have their trajectories, so these are upper bounds, save what is said to be the fewest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from training.config.adaptive import HardSubsetConfig, SolutionCacheConfig
from training.config.methods import DeepSearchMethod
from training.config.run import RunConfig
from training.config.search import SearchConfig

MANY = 10**12
"""Counts of nodes grow without measure; beyond this they are just many."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """The search of one problem, and what surrounds the searches of a run."""

    trajectories: int
    """Recorded in each tree."""
    expansions: int
    """Most of a tree: as many as it may have, or as there are nodes to expand."""
    children: int
    """Most that one expansion samples."""
    depth: int
    step_tokens: int
    """Most that one child samples."""
    tokens: int
    """Most sampled while a tree grows."""
    direct_tokens: int
    """Most sampled on top where nothing is left to expand, or no expansion is left."""
    nodes: int
    """Most of a tree, the root not counted."""
    looks: int
    """Times the hard subset is measured, the one before the first step included; 0 for never."""
    looked_at: int
    """Responses to each problem in one look."""

    @property
    def tokens_of_tree(self) -> int:
        return self.tokens + self.direct_tokens


def search_plan(config: RunConfig) -> SearchPlan | None:
    """None for methods that do not search."""
    method = config.method
    if not isinstance(method, DeepSearchMethod):
        return None
    search, longest, wanted = method.search, method.sampling.max_tokens, method.sampling.samples_per_prompt
    expansions, subset = most_expansions(search), method.hard_subset
    if search.expansion == "lazy":
        children, step = max(search.lazy_start, search.lazy_branches), longest
        sampled = min(search.lazy_start, search.width) + (expansions - 1) * min(search.lazy_branches, search.width)
        nodes = sampled * search.max_depth
    else:
        children = search.width
        step = longest // search.max_depth if search.step == "tokens" else longest
        sampled = nodes = expansions * children
    return SearchPlan(
        trajectories=wanted,
        expansions=expansions,
        children=min(children, search.width),
        depth=search.max_depth,
        step_tokens=step,
        tokens=sampled * step,
        direct_tokens=0 if search.exhausted == "stop" else wanted * longest,
        nodes=nodes + (0 if search.exhausted == "stop" else wanted * search.max_depth),
        looks=looks_of(subset, config.steps),
        looked_at=subset.samples if subset.enabled else 0,
    )


def looks_of(subset: HardSubsetConfig, steps: int) -> int:
    """Times the hard subset is measured."""
    return -(-steps // subset.phase_steps) if subset.enabled else 0


def subset_in_words(subset: HardSubsetConfig, steps: int, train_count: int | None = None) -> list[str]:
    """What measuring the hard subset takes; nothing where there is none."""
    looks = looks_of(subset, steps)
    if not looks:
        return []
    looked = f"{train_count:,} problems × " if train_count else "each problem × "
    total = f" = {train_count * subset.samples:,} responses" if train_count else " responses"
    return [
        f"Hard subset: measured {counted(looks, 'time')}, first before step 1, on at most {looked}"
        f"{subset.samples:,}{total}; problems with {_hard(subset)} right stay."
    ]


def search_in_words(config: RunConfig, plan: SearchPlan, train_count: int | None = None) -> list[str]:
    """The plan of searches as sentences, one thought each."""
    method = config.method
    assert isinstance(method, DeepSearchMethod), "only DeepSearch has a plan of searches"
    longest, subset, cache = method.sampling.max_tokens, method.hard_subset, method.cache
    words = [
        _growing(method.search, plan),
        *_cost(method.search, plan, method.sampling.prompts_per_step, longest),
    ]
    words += subset_in_words(subset, config.steps, train_count)
    if cache.enabled:
        used = min(cache.most_used, plan.trajectories)
        words.append(
            f"A problem with cached solutions gets no tree: at most {counted(used, 'cached solution')}, at least "
            f"{counted(plan.trajectories - used, 'direct response')}. {_filled(cache, subset.phase_steps)}"
        )
    return words


def counted(number: int, noun: str) -> str:
    """``1 step``, ``2 steps``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _growing(search: SearchConfig, plan: SearchPlan) -> str:
    step = "steps of text up to the separator" if search.step == "separator" else _equal_steps(search, plan)
    if search.expansion == "full":
        return f"Each expansion samples {counted(search.width, 'child').replace('childs', 'children')}, {step}."
    first, later = min(search.lazy_start, search.width), min(search.lazy_branches, search.width)
    return (
        f"Each tree begins with {counted(first, 'whole continuation')}, then branches {later:,} at a time; {step}, at "
        f"most {search.width:,} after each."
    )


def _equal_steps(search: SearchConfig, plan: SearchPlan) -> str:
    if search.expansion == "full":
        return f"each a step of {counted(plan.step_tokens, 'token')}, to a depth of {plan.depth:,}"
    return f"steps of {counted(plan.step_tokens // plan.depth, 'token')}"


def _cost(search: SearchConfig, plan: SearchPlan, trees: int, longest: int) -> Iterator[str]:
    if search.expansion == "full":
        factors = f"{plan.expansions:,} expansions × {search.width:,} children × {plan.step_tokens:,} tokens"
    else:
        factors = f"{plan.tokens // longest:,} continuations × {longest:,} tokens"
    yield f"At most {factors} = {plan.tokens:,} sampled a tree; it stops at {plan.trajectories:,} trajectories."
    topped = "Where a tree finds too few, the rest are direct responses. " if plan.direct_tokens else ""
    yield f"{topped}At most {trees * plan.tokens_of_tree:,} tokens sampled a step."


def _hard(subset: HardSubsetConfig) -> str:
    return f"{'at most' if subset.rule == 'at_most' else 'less than'} {_percent(subset.threshold)}"


def _percent(share: float) -> str:
    return f"{100 * share:g}\N{NO-BREAK SPACE}%"


def _filled(cache: SolutionCacheConfig, phase_steps: int) -> str:
    match cache.fill:
        case "at_once":
            return "Solutions are kept as soon as they are found."
        case "phase":
            which = "problems that are still hard"
        case _:
            which = f"problems solved in at most {_percent(cache.rare_share)} of their rollouts"
    return f"Every {counted(phase_steps, 'step')} it takes in solutions of {which}."


def widths(search: SearchConfig) -> list[int]:
    """Children that a node may have, for each depth from the root on."""
    if not search.width_decay:
        return [search.width] * search.max_depth
    band = max(search.max_depth // search.width, 1)
    return [
        max(search.min_width, search.width - depth // band * search.width_decay, 1) for depth in range(search.max_depth)
    ]


def most_expansions(search: SearchConfig) -> int:
    """Of a tree: its limit, or fewer where the whole tree has fewer nodes with children."""
    if search.expansion == "lazy":
        return search.max_expansions
    inner, level = 0, 1
    for width in widths(search):
        inner += level
        level *= width
        if inner >= search.max_expansions:
            return search.max_expansions
    return inner


def most_ends(search: SearchConfig) -> int:
    """Responses that can be recorded of a tree before it samples directly; ``MANY`` or more are just many."""
    each = widths(search)
    if search.expansion == "full" and search.record == "one" and search.exhausted != "flush":
        each = each[:-1]  # of the children of one node, one
    return min(prod(each), MANY)


def fewest_expansions(search: SearchConfig, wanted: int) -> int:
    """Needed for so many trajectories when responses have their full length, and all goes well."""
    a_time = 1 if search.record == "one" else (search.lazy_branches if search.expansion == "lazy" else search.width)
    if search.expansion == "lazy":
        first = 1 if search.record == "one" else search.lazy_start
        return 1 + -(-max(wanted - first, 0) // a_time)
    return search.max_depth - 1 + -(-wanted // a_time)
