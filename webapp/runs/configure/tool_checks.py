"""Checks of responses that call tools: what would run, but hardly as meant."""

from collections.abc import Callable, Iterator

from training.config import BuiltinModel, GrpoMethod, RunConfig
from webapp.runs.config_forms import Fault, Fix
from webapp.runs.configure.facts import Facts

ROOM_FOR_A_CALL = 128
"""Tokens that a call, its result and an answer take at least."""


def advise_on_untaught_model(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    """Reinforcement learning strengthens only what a model sometimes does."""
    if _calls(config) and isinstance(config.model, BuiltinModel) and config.model.variant == "arithmetic":
        yield Fault(
            "This model has never seen a tool call, so it will hardly make any; the variant for tools can write them.",
            ("model.builtin.variant",),
            (Fix({"model.builtin.variant": "tools", "prompt.tools": "template"}),),
        )


def advise_on_silent_prompt(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    """A model cannot know of tools that nobody names."""
    if _calls(config) and config.prompt.tools == "none":
        fixes = tuple(Fix({"prompt.tools": how}) for how in ("template", "schema"))
        yield Fault("Tools are run, but the prompt does not say that there are any.", ("prompt.tools",), fixes)


def advise_on_room_for_calls(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    """What tools say counts, too."""
    if _calls(config) and isinstance(config.method, GrpoMethod) and config.method.sampling.max_tokens < ROOM_FOR_A_CALL:
        knob = "method.grpo.sampling.max_tokens"
        message = f"A call, its result and an answer take {ROOM_FOR_A_CALL} tokens or more; few responses would finish."
        yield Fault(message, (knob,), (Fix({knob: 2 * ROOM_FOR_A_CALL}),))


def _calls(config: RunConfig) -> bool:
    return isinstance(config.method, GrpoMethod) and config.method.agentic.enabled


SHOULD_OF_TOOLS: tuple[Callable[[RunConfig, Facts], Iterator[Fault]], ...] = (
    advise_on_untaught_model,
    advise_on_silent_prompt,
    advise_on_room_for_calls,
)
