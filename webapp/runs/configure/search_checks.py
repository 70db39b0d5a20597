"""Checks of a search's knobs: what cannot find what it is asked for, and what does nothing as it stands."""

from collections.abc import Iterator
from functools import lru_cache
from math import floor

from tokenizers import Tokenizer

from training.config import DeepSearchMethod, GrpoMethod, RunConfig
from training.config.search_plan import MANY, fewest_expansions, most_ends
from webapp.runs.config_forms import Fault, Fix
from webapp.runs.configure.facts import Facts
from webapp.runs.escapes import escape

METHOD = "method.deepsearch"
SEARCH, SUBSET, CACHE = f"{METHOD}.search", f"{METHOD}.hard_subset", f"{METHOD}.cache"
TRAJECTORIES, PROMPTS = f"{METHOD}.sampling.samples_per_prompt", f"{METHOD}.sampling.prompts_per_step"
MOST_EXPANSIONS = 65_536


def check_separator(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    """A trainer refuses a separator that no token holds: no step would ever end."""
    method = config.method
    if not isinstance(method, DeepSearchMethod) or method.search.step != "separator" or facts.folder is None:
        return
    path, separator = facts.folder / "tokenizer.json", method.search.separator
    if path.is_file() and not _in_one_token(str(path), path.stat().st_mtime_ns, separator):
        fixes = [Fix({f"{SEARCH}.separator": "\n"})] if separator != "\n" else []
        message = f"No single token of this model's tokenizer holds “{escape(separator)}”, so no step would end."
        yield Fault(message, (f"{SEARCH}.separator",), (*fixes, Fix({f"{SEARCH}.step": "tokens"})))


def check_hard_share(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    method = config.method
    if not isinstance(method, DeepSearchMethod | GrpoMethod) or not method.hard_subset.enabled:
        return
    if method.hard_subset.rule == "below" and method.hard_subset.threshold == 0:
        subset = f"method.{method.kind}.hard_subset"
        message = "No share of right responses is below 0, so no problem would count as hard."
        yield Fault(message, (f"{subset}.threshold",), (Fix({f"{subset}.rule": "at_most"}),))


def advise_on_width(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    method = config.method
    if isinstance(method, DeepSearchMethod) and method.search.width == 1:
        message = "With one child a node a tree is a single chain: neither UCT nor the frontier has a choice."
        yield Fault(message, (f"{SEARCH}.width",), (Fix({f"{SEARCH}.width": 8}),))


def advise_on_ends(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    """More trajectories than a tree can have ends."""
    method = config.method
    if not isinstance(method, DeepSearchMethod) or method.search.width == 1:
        return
    search, wanted = method.search, method.sampling.samples_per_prompt
    ends = most_ends(search)
    if ends >= wanted:
        return
    rest = "the tree has no more" if search.exhausted == "stop" else "the rest are direct responses"
    message = (
        f"A tree of width {search.width:,} and depth {search.max_depth:,} has at most {ends:,} ends to record; "
        f"{wanted:,} are wanted, so {rest}."
    )
    fixes = [Fix({f"{SEARCH}.width": wider}) for wider in _wider(config)]
    if ends >= 2:
        fixes.append(Fix({TRAJECTORIES: ends}))
    yield Fault(message, (f"{SEARCH}.width",), tuple(fixes))


def advise_on_expansions(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    """A limit that stops a tree before it has its trajectories."""
    method = config.method
    if not isinstance(method, DeepSearchMethod):
        return
    search, wanted = method.search, method.sampling.samples_per_prompt
    fewest, limit = fewest_expansions(search, wanted), search.max_expansions
    if limit >= fewest or most_ends(search) < min(wanted, MANY):
        return
    message = (
        f"{wanted:,} trajectories of full length take at least {fewest:,} expansions, and a tree stops after {limit:,}."
    )
    enough = wanted if search.expansion == "lazy" else search.max_depth * wanted
    fixes = [Fix({f"{SEARCH}.max_expansions": min(max(enough, fewest), MOST_EXPANSIONS)})]
    possible = max((few for few in range(2, wanted) if fewest_expansions(search, few) <= limit), default=0)
    if possible:
        fixes.append(Fix({TRAJECTORIES: possible}))
    yield Fault(message, (f"{SEARCH}.max_expansions",), tuple(fixes))


def advise_on_lazy_selection(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    method = config.method
    if isinstance(method, DeepSearchMethod) and method.search.expansion == "lazy" and method.search.selection == "uct":
        message = "A lazy search always goes on at the frontier; UCT from the root is for full expansions."
        fixes = Fix({f"{SEARCH}.expansion": "full"}), Fix({f"{SEARCH}.selection": "frontier"})
        yield Fault(message, (f"{SEARCH}.expansion",), fixes)


def advise_on_stored_trees(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    method = config.method
    if not isinstance(method, DeepSearchMethod):
        return
    kept, trees = method.search.kept_trees, method.sampling.prompts_per_step
    if kept > trees:
        message = f"A step has {trees:,} trees, fewer than the {kept:,} to be stored: all of them are."
        yield Fault(message, (f"{SEARCH}.kept_trees",), (Fix({f"{SEARCH}.kept_trees": trees}),))


def advise_on_phases(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    """A phase that no step follows changes nothing."""
    method = config.method
    if not isinstance(method, DeepSearchMethod) or method.hard_subset.phase_steps < config.steps:
        return
    filled = method.cache.enabled and method.cache.fill != "at_once"
    if not method.hard_subset.enabled and not filled:
        return
    happens = ["the hard subset is measured once, before step 1"] if method.hard_subset.enabled else []
    happens += ["the cache takes in nothing while the run goes on"] if filled else []
    knob, shorter = f"{SUBSET}.phase_steps", max(config.steps // 3, 1)
    message = (
        f"No phase of {method.hard_subset.phase_steps:,} steps ends before the run does: {', and '.join(happens)}."
    )
    yield Fault(message, (knob,), (Fix({knob: shorter}),) if shorter < config.steps else ())


def advise_on_hard_share(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    method = config.method
    if not isinstance(method, DeepSearchMethod) or not method.hard_subset.enabled:
        return
    subset = method.hard_subset
    right = subset.threshold * subset.samples
    below = subset.rule == "below"
    if not subset.threshold or not (right <= 1 if below else right < 1):
        return
    words = "below" if below else "up to"
    message = (
        f"Of {subset.samples:,} responses only none right is {words} {100 * subset.threshold:g} %: problems that were "
        "solved at all leave the subset, those that were never solved stay."
    )
    fixes = [Fix({f"{SUBSET}.rule": "at_most"})] if below and right == 1 else []
    more = floor(1 / subset.threshold) + 1 if below else -floor(-1 / subset.threshold)
    if more <= 1024:
        fixes.append(Fix({f"{SUBSET}.samples": more}))
    yield Fault(message, (f"{SUBSET}.threshold",), tuple(fixes))


def advise_on_cached_share(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    method = config.method
    if not isinstance(method, DeepSearchMethod) or not method.cache.enabled:
        return
    used, wanted = method.cache.most_used, method.sampling.samples_per_prompt
    if used >= wanted:
        knob = f"{CACHE}.most_used"
        message = (
            f"With {used:,} cached solutions in a group of {wanted:,} no direct response may be left: all are right, "
            "and nothing is learned from the group."
        )
        yield Fault(message, (knob,), (Fix({knob: wanted // 2}),))


def advise_on_reward(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    """Only language and the overlong penalty are added to what the ends of a tree are worth."""
    method = config.method
    if not isinstance(method, DeepSearchMethod):
        return
    for part, without in (("format", 0.0), ("accuracy", 1.0)):
        if getattr(method.reward, part) != without:
            message = (
                f"What is paid for {part} has no effect: in trees, and in groups with cached solutions, an end is "
                "worth 1 where it is right and -1 where it is wrong. It shows in the reward's curve only."
            )
            yield Fault(message, (f"{METHOD}.reward.{part}",), (Fix({f"{METHOD}.reward.{part}": without}),))


MUST_OF_SEARCH = (check_separator, check_hard_share)
SHOULD_OF_SEARCH = (
    advise_on_width,
    advise_on_ends,
    advise_on_expansions,
    advise_on_lazy_selection,
    advise_on_stored_trees,
    advise_on_phases,
    advise_on_hard_share,
    advise_on_cached_share,
    advise_on_reward,
)


def _wider(config: RunConfig) -> list[int]:
    """The least width, if any, that gives enough ends."""
    method = config.method
    assert isinstance(method, DeepSearchMethod), "asked for searches only"
    wanted = method.sampling.samples_per_prompt
    widths = range(method.search.width + 1, 257)
    fitting = (w for w in widths if most_ends(method.search.model_copy(update={"width": w})) >= wanted)
    return [wider] if (wider := next(fitting, None)) else []


@lru_cache(maxsize=64)
def _in_one_token(path: str, changed: int, text: str) -> bool:
    """Whether some token's text holds ``text``; asked of a tokenizer once."""
    try:
        tokenizer = Tokenizer.from_file(path)
    except Exception:  # the library raises nothing more precise; the trainer will say what is wrong with it
        return True
    if len(tokenizer.encode(text, add_special_tokens=False).ids) == 1:
        return True
    size = tokenizer.get_vocab_size()
    return any(text in tokenizer.decode([token], skip_special_tokens=False) for token in range(size))
