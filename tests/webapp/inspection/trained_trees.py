"""Steps of the search method on the built-in model, stored as ingesting what it says would."""

from contextlib import ExitStack
from typing import Any

from tests.factories import make_run
from tests.training.methods.parts import build
from tests.training.runs import tiny_config
from training.events import SolutionsFound, TreeRecord
from training.experience.records import group_event
from training.methods.deepsearch import DeepSearchTraining
from webapp.runs.models import Run
from workers.ingest.rollouts import store_groups
from workers.ingest.solutions import store_solutions
from workers.ingest.trees import store_trees

METHOD: dict[str, Any] = {
    "kind": "deepsearch",
    "sampling": {"prompts_per_step": 6, "samples_per_prompt": 4, "max_tokens": 48},
    "search": {"width": 3, "max_depth": 6},
}


def searched_run(steps: int = 1, **method: Any) -> Run:
    """A run whose first steps were searched and trained on; each step asks the same six problems."""
    problems = {"kind": "builtin", "level": "easy", "train_count": 6, "heldout_count": 4}
    changes = {"method": METHOD | method, "problems": problems}
    run = make_run(step=steps, **tiny_config(**changes))
    with ExitStack() as stack:
        parts, made = build(stack, **changes)
        assert isinstance(made, DeepSearchTraining)
        for step in range(1, steps + 1):
            outcome = made.step(step)
            store_groups(
                run, [group_event(g, step, "train", index, parts.codec) for index, g in enumerate(outcome.groups)]
            )
            store_trees(run, [event for event in outcome.events if isinstance(event, TreeRecord)])
            for event in outcome.events:
                if isinstance(event, SolutionsFound):
                    store_solutions(run, event)
    return run
