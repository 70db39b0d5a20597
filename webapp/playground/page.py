"""What the pages of the playground show of a question: its responses by model, and one of them token by token."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from training.config import CheckpointModel
from training.config.generate import GeneratingModel
from webapp.inspection.scales import scaled_columns
from webapp.inspection.strip import Strip, render_strip
from webapp.inspection.token_arrays import TokenArrays
from webapp.playground.answers import answers_of
from webapp.playground.models import Question, State

TONES = {State.DONE: "good", State.FAILED: "bad", State.ANSWERING: "info"}


@dataclass(frozen=True, slots=True)
class Response:
    """A response, as far as it is written."""

    model: int
    sample: int
    told: dict[str, Any]
    is_chosen: bool

    @property
    def is_whole(self) -> bool:
        return "finish_reason" in self.told


@dataclass(frozen=True, slots=True)
class Column:
    """A model and its responses."""

    name: str
    checkpoint: CheckpointModel | None
    responses: list[Response]

    @property
    def right(self) -> int:
        """How many the verifier found right."""
        return sum(response.told.get("correct") is True for response in self.responses)


@dataclass(frozen=True)
class QuestionPage:
    """A question with what is there of its answers."""

    question: Question
    is_last: bool = True

    @property
    def tone(self) -> str:
        return TONES.get(State(self.question.state), "")

    @cached_property
    def columns(self) -> list[Column]:
        question = self.question
        chosen = (question.chosen_model, question.chosen_sample)
        columns = []
        for number, (stored, samples) in enumerate(zip(question.config["models"], answers_of(question), strict=True)):
            model = GeneratingModel.model_validate(stored)
            source = model.source if isinstance(model.source, CheckpointModel) else None
            responses = [Response(number, at, told, (number, at) == chosen) for at, told in enumerate(samples)]
            columns.append(Column(model.name, source, responses))
        return columns

    @property
    def sampling(self) -> dict[str, Any]:
        return dict(self.question.config["sampling"])

    @property
    def can_be_labeled(self) -> bool:
        return self.question.is_over and any(each.told.get("text") for col in self.columns for each in col.responses)


def strip_of(told: dict[str, Any]) -> Strip:
    """A finished response as coloured tokens."""
    text = told["text"]
    ends = np.maximum.accumulate(np.clip(np.asarray(told["ends"], np.int64), 0, len(text)))
    values = {"logprob": np.asarray(told["logprobs"], float), "entropy": np.asarray(told["entropies"], float)}
    arrays = TokenArrays(ends, np.asarray(told["ids"], np.int64), values)
    return render_strip(text, arrays, scaled_columns(arrays, None), [], ended=told["finish_reason"] == "stop")
