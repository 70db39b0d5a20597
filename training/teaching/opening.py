"""The lines a teaching's file begins with: what it is of, each problem to be solved, each that is taken along."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from training.config.teach import TeachConfig, name_of
from training.problems.types import Problem
from training.teaching.lines import Line

FREE_TO_CHANGE = {"at_once", "timeout_s", "retries", "price_in", "price_out", "api_key_variable"}
"""Knobs of an endpoint that change neither what is asked nor what is kept."""

Fits = Callable[[str], bool]
"""Whether a prompt and the longest answer to it fit into the teacher's context."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The problems of a teaching: those asked, and held-out ones that the new set takes along."""

    config: TeachConfig
    asked: Sequence[Problem]
    along: Sequence[Problem]

    def head(self) -> Line:
        """The first line. ``digest`` changes with whatever changes the others."""
        config, rewriter = self.config, self.config.rewriter
        knobs = config.model_dump(mode="json", exclude={"hardware"})
        for each in (knobs["teacher"], knobs["rewrite"].get("by") or {}):
            for name in FREE_TO_CHANGE:
                each.pop(name, None)
        content = [knobs, [[each.id, each.prompt, each.answer] for each in (*self.asked, *self.along)]]
        return {
            "kind": "head",
            "problems": len(self.asked),
            "samples": config.sampling.samples,
            "keep": config.sampling.keep,
            "rewrites": rewriter is not None,
            "teacher": name_of(config.teacher),
            "rewriter": name_of(rewriter) if rewriter else "",
            "digest": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
        }

    def lines(self, fits: Fits) -> Iterator[Line]:
        """All of them, in order; they are as many as `count`."""
        yield self.head()
        for place, problem in enumerate(self.asked):
            yield {"kind": "problem", "problem": place, **_facts(problem), "left_out": _left_out(problem, fits)}
        for problem in self.along:
            yield {"kind": "along", **_facts(problem)}

    @property
    def count(self) -> int:
        return 1 + len(self.asked) + len(self.along)


def _left_out(problem: Problem, fits: Fits) -> str:
    """Why a problem is not asked; empty when it is."""
    if not problem.answer.strip():
        return "it has no answer to check by"
    return "" if fits(problem.prompt) else "with the longest answer it does not fit into the teacher's context"


def _facts(problem: Problem) -> Line:
    return {
        "id": problem.id,
        "prompt": problem.prompt,
        "answer": problem.answer,
        "split": problem.split,
        "level": problem.level,
    }
