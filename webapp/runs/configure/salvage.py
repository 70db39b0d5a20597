"""Makes the best of a config that is not valid (any more), an old run's or a file's, and says what it cost."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from training.config import RunConfig
from webapp.runs.config_forms import explain
from webapp.runs.configure.words import shown

MOST_ROUNDS = 50
"""Each round mends what one validation found; a config that needs more is not one."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A knob whose stored value could not be kept."""

    path: str
    value: Any
    why: str

    def __str__(self) -> str:
        return f"{self.path} = {shown(self.value)} was left out: {self.why}"


def salvage(stored: Mapping[str, Any]) -> tuple[RunConfig, list[Loss]]:
    """A valid config as near to ``stored`` as it goes, and what was lost."""
    tree = deepcopy(dict(stored))
    losses: list[Loss] = []
    for _ in range(MOST_ROUNDS):
        try:
            return RunConfig.model_validate(tree), losses
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_input=False):
                losses += _mend(tree, problem)
    return RunConfig(), [*losses, Loss("everything", "…", "too much of it is not valid.")]


def path_in(tree: Mapping[str, Any], location: tuple[int | str, ...]) -> list[str]:
    """The path in a config file of an error's location, which also names the kinds of unions."""
    path: list[str] = []
    level: Any = tree
    for part in map(str, location):
        if isinstance(level, dict) and part not in level and level.get("kind") == part:
            continue
        path.append(part)
        if isinstance(level, list):
            level = level[int(part)] if part.isdecimal() and int(part) < len(level) else None
        else:
            level = level.get(part) if isinstance(level, dict) else None
    return path


def _mend(tree: dict[str, Any], problem: Mapping[str, Any]) -> list[Loss]:
    """Take out what was refused, or set what would make a refused combination possible."""
    path = path_in(tree, problem["loc"])
    if fixes := problem.get("ctx", {}).get("fixes"):
        return [
            _put(tree, path_in(tree, (*problem["loc"], *name.split("."))), new, problem)
            for name, new in fixes[0].items()
        ]
    while path and not _holds(tree, path):
        path.pop()  # the value is missing: give up the group that lacks it
    if not path:
        lost = Loss("everything", "…", explain(problem))
        tree.clear()
        return [lost]
    *groups, leaf = path
    level: Any = tree
    for group in groups:
        level = level[group]
    return [Loss(".".join(path), level.pop(leaf), explain(problem))]


def _put(tree: dict[str, Any], path: list[str], value: Any, problem: Mapping[str, Any]) -> Loss:
    *groups, leaf = path
    level = tree
    for group in groups:
        level = level.setdefault(group, {})
    before = level.get(leaf, "its default")
    level[leaf] = value
    return Loss(".".join(path), before, f"{explain(problem)} It is {shown(value)} now.")


def _holds(tree: Any, path: list[str]) -> bool:
    for part in path:
        if not isinstance(tree, dict) or part not in tree:
            return False
        tree = tree[part]
    return True
