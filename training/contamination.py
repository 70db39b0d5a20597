"""Keeps what a model is measured by apart from what it was trained on, by the problems' own content."""

from collections.abc import Iterable, Sequence

from training.config import BuiltinProblems, CheckpointModel, RunConfig
from training.config_file import read_config
from training.errors import InputError
from training.problems.types import Problem
from training.solutions.keys import problem_key
from training.sources import Problems, data_folder, load_problems

MOST_GENERATIONS = 64
"""Runs that start from each other's checkpoints are followed back so far; nobody has more."""


def keys_of(problems: Iterable[Problem]) -> set[str]:
    """What the problems are called everywhere."""
    return {problem_key(problem.prompt, problem.answer) for problem in problems}


def refuse_overlap(config: RunConfig, problems: Problems) -> None:
    """Raises InputError when held-out problems are trained on, too. Built-in ones never are."""
    if isinstance(config.problems, BuiltinProblems):
        return
    shared = keys_of(problems.train) & keys_of(problems.heldout)
    if shared:
        raise InputError(
            f"{len(shared)} of {len(problems.heldout)} held-out problems are in the training set as well, so held-out "
            "accuracy would mean nothing; import the set again with duplicates removed, or turn evaluation off"
        )


def trained_keys(config: RunConfig) -> set[str]:
    """Problems that the config's model was trained on, as far as this installation knows.

    A checkpoint's run, and the runs it goes back to, say so in their folders. Raises InputError when one does not.
    """
    keys: set[str] = set()
    for _ in range(MOST_GENERATIONS):
        if not isinstance(config.model, CheckpointModel):
            break
        folder = data_folder() / "runs" / str(config.model.run)
        try:
            config = read_config(folder)
            keys |= keys_of(load_problems(config, folder).train)
        except InputError as error:
            raise InputError(f"what run {folder.name} was trained on cannot be told: {error}") from error
    return keys


def without_trained(problems: Sequence[Problem], trained: set[str]) -> list[Problem]:
    """The problems that are not among those trained on."""
    if not trained:
        return list(problems)
    return [problem for problem in problems if problem_key(problem.prompt, problem.answer) not in trained]
