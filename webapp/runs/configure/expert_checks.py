"""Checks of learning from worked solutions and their steps, before anything loads."""

from collections.abc import Iterator

from training.config import RejectionSampling, RunConfig, SftMethod, SrlMethod
from webapp.runs.config_forms import Fault, Fix
from webapp.runs.configure.facts import Facts

SHORT_ANSWER = 64
"""Tokens that a step may well keep to, and a whole solution hardly."""
TIMES_A_STEP = 4


def makes_solutions(config: RunConfig) -> bool:
    """Whether the run imitates right responses of a model, not solutions of the set."""
    return isinstance(config.selection, RejectionSampling)


def learns_solutions(config: RunConfig) -> str:
    """The method, if it cannot do without worked solutions."""
    if isinstance(config.method, SrlMethod):
        return "" if config.method.granularity == "answer" else "SRL"
    return "SFT" if isinstance(config.method, SftMethod) and not makes_solutions(config) else ""


def advise_on_evaluation_length(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    """Held-out problems are solved as a whole, whatever the length of a step."""
    method, evaluation = config.method, config.evaluation
    if not isinstance(method, SrlMethod) or method.granularity != "step" or not evaluation.every_steps:
        return
    longest = method.sampling.max_tokens
    if evaluation.max_tokens is None and longest <= SHORT_ANSWER:
        yield Fault(
            f"Held-out problems are answered with whole solutions, and {longest} tokens, enough for a step, cut them.",
            ("evaluation.max_tokens",),
            (Fix({"evaluation.max_tokens": TIMES_A_STEP * longest}),),
        )


SHOULD_OF_EXPERTS = (advise_on_evaluation_length,)
