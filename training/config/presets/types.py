"""What a preset is: a config whose values have reasons."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from training.config.run import RunConfig

Group = Literal["start", "recipe", "ablation"]
"""A starting point of ours; a published recipe; a recipe with one thing changed, to see what that thing does."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One knob of a preset."""

    path: str
    """As in a config file: ``method.loss.clip_high``."""
    value: Any
    why: str
    paper: str = ""
    """What the source uses at full size, where that is another value."""


@dataclass(frozen=True)
class Preset:
    """A config with reasons."""

    slug: str
    title: str
    summary: str
    source: str
    """The paper; empty for our own."""
    choices: tuple[Choice, ...]
    group: Group = "recipe"

    @cached_property
    def config(self) -> RunConfig:
        """Defaults, with this preset's choices."""
        return RunConfig.model_validate(nested(self.choices))

    @cached_property
    def by_path(self) -> dict[str, Choice]:
        return {choice.path: choice for choice in self.choices}


def nested(choices: tuple[Choice, ...]) -> dict[str, Any]:
    """The tree that pydantic validates."""
    tree: dict[str, Any] = {}
    for choice in choices:
        *groups, knob = choice.path.split(".")
        level = tree
        for group in groups:
            level = level.setdefault(group, {})
        level[knob] = choice.value
    return tree


def changed(choices: tuple[Choice, ...], *changes: Choice) -> tuple[Choice, ...]:
    """The choices with `changes`: in the place of what they choose, the rest after them."""
    new = {change.path: change for change in changes}
    kept = [new.pop(choice.path, choice) for choice in choices]
    return (*kept, *new.values())


def without(choices: tuple[Choice, ...], group: str) -> tuple[Choice, ...]:
    """The choices but for those of knobs in this group, such as ``model``."""
    return tuple(choice for choice in choices if not choice.path.startswith(f"{group}."))


BUILTIN_RATE = "A model of one million parameters takes far larger steps than one of billions."
BUILTIN_LENGTH = "The built-in model's longest worked solutions fit."
