"""DeepSearch on the built-in model for tests: a tiny method, its problems, and lines of shared solutions."""

from base64 import b64encode
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.training.methods.parts import build
from training.assembly import build_method
from training.methods.deepsearch import DeepSearchTraining
from training.problems.arithmetic import generate
from training.problems.types import Problem
from training.solutions.file import SolutionLine
from training.solutions.keys import problem_key, solution_key

METHOD: dict[str, Any] = {
    "kind": "deepsearch",
    "sampling": {"prompts_per_step": 4, "samples_per_prompt": 4, "max_tokens": 48},
    "search": {"width": 3, "max_depth": 6},
}


AT_ONCE: dict[str, Any] = {"fill": "at_once"}


def training(stack: ExitStack, folder: Path | None = None, count: int = 64, **method: Any) -> DeepSearchTraining:
    """The method on so many easy problems; by default those of `problems`."""
    easy = {"kind": "builtin", "level": "easy", "train_count": count, "heldout_count": 16}
    parts, made = build(stack, method=METHOD | method, problems=easy)
    if folder:
        made = build_method(replace(parts, folder=folder), stack)
    assert isinstance(made, DeepSearchTraining)
    return made


def problems() -> list[Problem]:
    return generate("easy", 64, "train", 0)


def line(problem: Problem, text: str) -> SolutionLine:
    return SolutionLine(
        problem=problem_key(problem.prompt, problem.answer), key=solution_key(text), text=text, token_ids=[1],
        logprobs=b64encode(np.zeros(1, "<f4").tobytes()).decode(), tokenizer="another", verifier="0",
    )  # fmt: skip
