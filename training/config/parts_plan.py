"""What parts of a run add to its plan, in words: the choice of its problems, experts, reward models, tools, an end."""

from training.config.adapter import LowRankAdapter, QloraAdapter
from training.config.methods import GrpoMethod
from training.config.rl import RlMethod
from training.config.run import RunConfig
from training.config.search_plan import counted
from training.config.selection import Measured, NotAlwaysSolved, NotCached, PassRate
from training.config.srl import SrlMethod


def selection_in_words(config: RunConfig, train_count: int | None) -> list[str]:
    """What is done before step 1; nothing for a run that takes all problems."""
    selection = config.selection
    if isinstance(selection, NotCached):
        return ["Before step 1 problems are left out of which others have found a solution."]
    if not isinstance(selection, Measured):
        return []
    asked = f"{train_count:,} problems × {selection.samples:,} = " if train_count else ""
    total = f"{train_count * selection.samples:,} responses" if train_count else f"{selection.samples:,} each"
    if isinstance(selection, PassRate):
        kept = f"problems with {selection.at_least:.0%} to {selection.at_most:.0%} right stay"
    elif isinstance(selection, NotAlwaysSolved):
        kept = "problems that are not always solved stay"
    else:
        kept = f"up to {counted(selection.keep, 'right response')} of each problem become its solutions"
    return [f"Before step 1 all problems are answered ({asked}{total}); {kept}."]


def expert_in_words(config: RunConfig) -> list[str]:
    """What is predicted of worked solutions."""
    if not isinstance(config.method, SrlMethod) or config.method.granularity == "answer":
        return []
    if config.method.granularity == "solution":
        return ["Each prompt asks for a whole solution, which is compared with the expert's."]
    return ["Each prompt asks for one step of a worked solution, after the expert's steps before it."]


def learned_in_words(config: RunConfig) -> list[str]:
    """What a reward model has to say, and what it costs."""
    if not isinstance(config.method, RlMethod) or not config.method.reward.learned.enabled:
        return []
    reward = config.method.reward
    words = [f"A reward model scores every response, for {reward.learned.weight:g} times what it says."]
    if not reward.accuracy:
        words = [words[0][:-1] + "; right answers are counted and not paid for."]
    if reward.learned.anchored:
        samples = counted(reward.learned.reference_samples, "response")
        words.append(f"The reference answers each problem once, with {samples}, to compare with.")
    return words


def tools_in_words(config: RunConfig) -> list[str]:
    """How responses call tools; nothing where they do not."""
    if not isinstance(config.method, GrpoMethod) or not config.method.agentic.enabled:
        return []
    agentic = config.method.agentic
    calls = counted(agentic.max_calls, "tool call")
    return [
        f"Each response has up to {counted(agentic.max_turns, 'turn')}, with {calls} at most between two of them; the "
        f"longest response, {config.method.sampling.max_tokens:,} tokens, includes what tools say."
    ]


def adapter_in_words(config: RunConfig) -> list[str]:
    """What is trained where the model itself is not."""
    adapter = config.adapter
    if not isinstance(adapter, LowRankAdapter):
        return []
    held = ", which is held in 4 bits" if isinstance(adapter, QloraAdapter) else ""
    return [f"An adapter of rank {adapter.rank:,} is trained beside the model{held}; checkpoints hold both, merged."]


def finish_in_words(config: RunConfig) -> list[str]:
    """When the run ends before its last step; nothing where it does not."""
    finish = config.finish
    signs = ["the reward has levelled off"] if finish.reward_flat else []
    if finish.truncation is not None:
        signs.append(f"the share of cut responses has settled at {finish.truncation:.0%} or less")
    if finish.pass_at_1 is not None:
        signs.append(f"held-out pass@1 has reached {finish.pass_at_1:.0%}")
    if not signs:
        return []
    joined = (" and " if finish.needs == "all" else " or ").join(signs)
    return [f"Ends sooner when {joined}, after step {finish.least_steps:,} at the earliest."]
