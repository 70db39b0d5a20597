"""What forms offer where models answer problems: kept checkpoints, and problem sets with the built-in levels."""

from typing import Any

from webapp.datasets.models import ProblemSet
from webapp.runs.models import Checkpoint

MOST_OFFERED = 200
LEVELS = ("easy", "middle", "hard")
WITHOUT_RESPONSES = ("evaluate", "reward_model")
"""Methods whose runs leave no checkpoint that answers prompts."""


def answering_checkpoints() -> dict[str, Checkpoint]:
    """Checkpoints on disk that answer prompts, newest runs first, by ``run:step``."""
    kept = Checkpoint.objects.filter(removed_at=None).exclude(run__method__in=WITHOUT_RESPONSES)
    found = kept.select_related("run").defer("run__latest", "run__error").order_by("-run", "step")[:MOST_OFFERED]
    return {f"{each.run_id}:{each.step}": each for each in found}


def checkpoint_name(checkpoint: Checkpoint) -> str:
    """What people call it."""
    return f"{checkpoint.run.name} (run {checkpoint.run_id}), step {checkpoint.step}"


def problem_choices() -> list[tuple[str, str]]:
    """The built-in levels and the imported sets, as ``builtin:level`` and ``imported:slug`` with their names."""
    sets = ProblemSet.objects.values_list("slug", "name")[:MOST_OFFERED]
    built_in = [(f"builtin:{level}", f"Built-in arithmetic, {level}") for level in LEVELS]
    return [*built_in, *((f"imported:{slug}", name) for slug, name in sets)]


def problem_source(choice: str, train: int, heldout: int) -> dict[str, Any]:
    """The config of a choice; of a built-in level so many problems are generated."""
    kind, _, name = choice.partition(":")
    if kind == "imported":
        return {"kind": kind, "slug": name}
    return {"kind": "builtin", "level": name, "train_count": max(train, 1), "heldout_count": max(heldout, 1)}
