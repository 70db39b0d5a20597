"""A model that is asked and not trained: its weights, the way prompts are put to it, and the engine that samples."""

from pathlib import Path

from training.assembly.engines import context_of, engine_of
from training.codec import Codec, stop_ids
from training.config import EvaluateMethod, HardwareConfig, PromptConfig, RunConfig
from training.config.model import ModelSource
from training.config.problems import ProblemSource
from training.devices import choose_device
from training.errors import InputError
from training.problems.types import Problem
from training.sources import Problems, load_model, load_problems
from training.stream import ShuffledStream

MOST_ROWS = 256


class AskedModel:
    """A loaded model with its codec and engine. Raises InputError when it cannot be had."""

    def __init__(
        self, source: ModelSource, prompt: PromptConfig, hardware: HardwareConfig, prefix_bytes: int = 0
    ) -> None:
        """`prefix_bytes` is memory for states of what may be continued."""
        run = RunConfig(model=source, prompt=prompt, method=EvaluateMethod())
        loaded, tokenizer = load_model(run, choose_device(hardware))
        self._context = context_of(loaded, hardware)
        self.codec = Codec(tokenizer, prompt, stop_ids(loaded, tokenizer))
        self.engine = engine_of(loaded, hardware, max_rows=MOST_ROWS, prefix_bytes=prefix_bytes)

    def room(self, tokens: int) -> int | None:
        """Tokens that may follow so many; None where the model names no limit."""
        return self._context - tokens if self._context else None

    def fits(self, prompt: str, max_tokens: int) -> bool:
        """Whether a prompt and a response of so many tokens go into the model's context."""
        room = self._context - max_tokens if self._context else None
        return room is None or self.codec.prompt_fits(prompt, room)


def halves_of(source: ProblemSource, folder: Path) -> Problems:
    """Both halves of a problem set. Relative files lie in `folder`."""
    return load_problems(RunConfig(problems=source, method=EvaluateMethod()), folder)


def drawn(problems: Problems, split: str, count: int, seed: int) -> list[Problem]:
    """So many problems of one half, chosen by a seed; all where there are fewer. Raises InputError for none."""
    half = getattr(problems, split)
    if not half:
        raise InputError(f"the problem set has no {split} problems; choose the other half")
    return ShuffledStream(half, seed).take(min(count, len(half)))
