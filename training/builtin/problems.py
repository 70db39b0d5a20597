"""Problems of the built-in levels with their solutions. Free of torch, so that the web can show them."""

from training.builtin.repository_expert import demonstrated
from training.builtin.tool_styles import with_demonstrations
from training.problems.arithmetic import generate
from training.problems.computation import TOOLS_LEVEL, generate_computations
from training.problems.repositories import REPOSITORIES_LEVEL, generate_tasks
from training.problems.types import Problem, Split


def built_in_problems(level: str, count: int, split: Split, seed: int) -> list[Problem]:
    """So many different problems of a level, with worked solutions or demonstrations in turns; the same on every
    machine. Raises ValueError as the level's generator does.
    """
    if level == REPOSITORIES_LEVEL:
        return [demonstrated(task, split) for task in generate_tasks(count, split, seed)]
    if level == TOOLS_LEVEL:
        return with_demonstrations(generate_computations(count, split, seed), seed)
    return generate(level, count, split, seed)
