"""Whoever can be asked: a model in this process, or one behind an endpoint."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from training.asked_model import AskedModel
from training.config import HardwareConfig
from training.config.teach import EndpointTeacher, ModelTeacher
from training.sampling.types import SamplingParams
from training.seeds import derive_seed
from training.teaching.endpoint import Endpoint
from training.teaching.lines import Reply, storable

ROWS_AT_ONCE = 64
"""Answers that a model writes side by side; they are stored when all of them are there."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How answers are drawn."""

    max_tokens: int
    temperature: float
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt, and which answers to it are wanted.

    Of ``count`` answers from number ``first`` on, those of ``wanted`` are lacking. What a model draws depends on
    ``first`` and ``count`` too, so these stay the same when some answers are there already.
    """

    prompt: str
    problem: int
    first: int
    count: int
    wanted: frozenset[int]


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply, and to which answer of which problem it belongs."""

    problem: int
    sample: int
    reply: Reply


class AnyTeacher(Protocol):
    """Answers questions. Raises InputError when nobody answers, or will."""

    def fits(self, prompt: str, max_tokens: int) -> bool:
        """Whether a prompt and so long an answer can be had of it."""
        ...

    def ask(self, questions: Sequence[Question], manner: Manner) -> Iterator[Answered]:
        """The wanted answers, as they come."""
        ...

    def cost(self, reply: Reply) -> float:
        """In dollars."""
        ...


def open_teacher(config: ModelTeacher | EndpointTeacher, hardware: HardwareConfig) -> AnyTeacher:
    """The teacher a config names. Raises InputError when it cannot be had."""
    if isinstance(config, EndpointTeacher):
        return RemoteTeacher(config)
    return LocalTeacher(config, hardware)


class LocalTeacher:
    """A model in this process; its answers cost nothing."""

    def __init__(self, config: ModelTeacher, hardware: HardwareConfig) -> None:
        self._model = AskedModel(config.source, config.prompt, hardware)

    def fits(self, prompt: str, max_tokens: int) -> bool:
        return self._model.fits(prompt, max_tokens)

    def ask(self, questions: Sequence[Question], manner: Manner) -> Iterator[Answered]:
        batch: list[Question] = []
        for question in questions:
            batch.append(question)
            if sum(each.count for each in batch) >= ROWS_AT_ONCE:
                yield from self._answers(batch, manner)
                batch = []
        if batch:
            yield from self._answers(batch, manner)

    def cost(self, reply: Reply) -> float:
        return 0.0

    def _answers(self, questions: Sequence[Question], manner: Manner) -> Iterator[Answered]:
        codec = self._model.codec
        prompts = [codec.prompt_ids(each.prompt) for each in questions]
        params = [
            SamplingParams(
                n=each.count,
                max_tokens=manner.max_tokens,
                temperature=manner.temperature,
                top_p=manner.top_p,
                stop_ids=codec.stop_ids,
                seed=derive_seed(manner.seed, "teach", each.first),
                stream=each.problem,
            )
            for each in questions
        ]
        completions = self._model.engine.sample(prompts, params)
        for question, prompt, of_question in zip(questions, prompts, completions, strict=True):
            for number, each in enumerate(of_question, start=question.first):
                if number in question.wanted:
                    text, ended = storable(codec.text(each.token_ids)), each.finish_reason == "stop"
                    reply = Reply(text, ended, len(prompt), len(each.token_ids))
                    yield Answered(question.problem, number, reply)


class RemoteTeacher:
    """A model behind an endpoint."""

    def __init__(self, config: EndpointTeacher) -> None:
        self._config = config
        self._endpoint = Endpoint(config)

    def fits(self, prompt: str, max_tokens: int) -> bool:
        return True  # its context is not known here; where it refuses, the answer has failed

    def ask(self, questions: Sequence[Question], manner: Manner) -> Iterator[Answered]:
        wanted = [(each, number) for each in questions for number in sorted(each.wanted)]
        prompts = [question.prompt for question, _ in wanted]
        for place, reply in self._endpoint.ask(prompts, manner.max_tokens, manner.temperature, manner.top_p):
            question, number = wanted[place]
            yield Answered(question.problem, number, reply)

    def cost(self, reply: Reply) -> float:
        spent = (reply.tokens_in or 0) * self._config.price_in + (reply.tokens_out or 0) * self._config.price_out
        return spent / 1_000_000
