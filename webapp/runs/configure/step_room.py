"""Room for the longest step of a set: what a run of SRL that begins from the splitter lets a response be long."""

from typing import Any

from training.config import BuiltinProblems, ImportedProblems, RunConfig, SrlMethod
from training.srl.tasks import tasks_of
from webapp.datasets.models import ProblemSet
from webapp.datasets.step_totals import further_totals
from webapp.datasets.trajectories import LEVELS, BuiltinTrajectories, ImportedTrajectories, Trajectories
from webapp.runs.configure.expert_checks import TIMES_A_STEP
from webapp.runs.configure.facts import count_tokens, model_folder

SPARE = 1.25
"""A model may say the same in more tokens than the expert."""
ENDS = 4
"""Tokens with which a step ends."""
ROOM_TO_THINK = 512
"""Tokens of a monologue before the step; no set says how long one is."""


def with_room(config: RunConfig) -> dict[str, dict[str, Any]]:
    """Groups of the config in which the longest step fits, and a whole solution in an evaluation; none where it does.

    The longest step that was counted: of sets that are too large to be counted at once, so far.
    """
    method, longest = config.method, _longest_step(config)
    if not isinstance(method, SrlMethod) or not longest:
        return {}
    room = int(SPARE * count_tokens(model_folder(config), longest)) + ENDS
    whole = max(TIMES_A_STEP * room, config.evaluation.max_tokens or 0)
    if method.format == "think_action":
        room, whole = room + ROOM_TO_THINK, whole + ROOM_TO_THINK
    if room <= method.sampling.max_tokens:
        return {}
    sampling = method.sampling.model_dump() | {"max_tokens": room}
    return {
        "method": method.model_dump() | {"sampling": sampling},
        "evaluation": config.evaluation.model_dump() | {"max_tokens": whole},
    }


def _longest_step(config: RunConfig) -> str:
    """Its text; empty where there is none."""
    trajectories = _trajectories(config)
    if trajectories is None or not isinstance(config.method, SrlMethod):
        return ""
    longest = further_totals(trajectories, config.method).longest
    problem = trajectories.at(longest.number) if longest.number else None
    tasks = tasks_of([problem], config.method).tasks if problem else []
    return next((task.target for task in tasks if task.number == longest.step), "")


def _trajectories(config: RunConfig) -> Trajectories | None:
    match config.problems:
        case BuiltinProblems(level=level) if level in LEVELS:
            return BuiltinTrajectories(level)
        case ImportedProblems(slug=slug):
            stored = ProblemSet.objects.defer("mapping", "report").filter(slug=slug).first()
            return ImportedTrajectories(stored) if stored else None
    return None
