"""Hands a run the verified solutions of others where no worker does: those of earlier stages of a recipe."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from training.config import DeepSearchMethod, NotCached, RunConfig
from training.events import SolutionsFound, parse_event
from training.solutions.file import InvalidLine, SolutionLine
from training.solutions.keys import solution_key

_TELLING = b'"kind":"solutions"'
"""Only such lines of an event file are parsed: most of it is rollouts."""


def takes_solutions(config: RunConfig) -> bool:
    """Whether a run has a use for what others have found."""
    method = config.method
    uses_them = isinstance(method, DeepSearchMethod) and method.cache.enabled and method.cache.share
    return uses_them or isinstance(config.selection, NotCached)


def found_in(event_files: Iterable[Path]) -> Iterator[SolutionLine | InvalidLine]:
    """What runs have found and what they have rejected, in the order they said so."""
    for path in event_files:
        if not path.exists():
            continue
        with path.open("rb") as file:
            for line in file:
                event = parse_event(line) if _TELLING in line and line.endswith(b"\n") else None
                if isinstance(event, SolutionsFound):
                    yield from _lines_of(event)


def _lines_of(event: SolutionsFound) -> Iterator[SolutionLine | InvalidLine]:
    for found in event.found:
        yield SolutionLine(
            problem=found.problem,
            key=solution_key(found.text),
            text=found.text,
            token_ids=found.token_ids,
            logprobs=found.logprobs,
            tokenizer=found.tokenizer,
            verifier=found.verifier,
        )
    for rejected in event.rejected:
        yield InvalidLine(problem=rejected.problem, key=rejected.key, reason=rejected.reason)
