"""What the pages of the playground show of a question: its responses by model, and one of them token by token."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from training.config import CheckpointModel
from training.config.generate import GeneratingModel
from webapp.core.jobs import JobState
from webapp.inspection.scales import scaled_columns
from webapp.inspection.strip import Strip, render_strip
from webapp.inspection.token_arrays import TokenArrays
from webapp.machines.models import registered
from webapp.playground.answers import Answers, whole
from webapp.playground.models import Question, QuestionSearch

ANSWERING_QUEUE = "preflight"
"""Whose workers answer."""
NOBODY = "It waits for a worker that answers, and none is registered; it is asked by itself as soon as one is."


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
    searches: list[QuestionSearch]

    @property
    def judged(self) -> int:
        """How many the verifier had a look at: those that were written to their end."""
        return sum("correct" in response.told for response in self.responses)

    @property
    def right(self) -> int:
        """How many the verifier found right."""
        return sum(response.told.get("correct") is True for response in self.responses)


@dataclass(frozen=True)
class QuestionPage:
    """A question with what is there of its answers."""

    question: Question
    is_last: bool = True

    @cached_property
    def told(self) -> Answers:
        """What is there of each response."""
        return self.question.answers_now()

    @property
    def version(self) -> str:
        """Changes with whatever is shown."""
        question, length = self.question, sum(told.get("length", 0) for samples in self.told for told in samples)
        now = (question.state, question.attempt, question.stop_requested, length, whole(self.told), self.news)
        return hashlib.sha256(repr(now).encode()).hexdigest()[:12]

    @cached_property
    def news(self) -> str:
        """What a reader waits for, as a sentence; empty where the responses say it."""
        question = self.question
        if question.state == JobState.QUEUED:
            lost = "The worker that answered it is gone; another one answers it anew. " if question.losses else ""
            return lost + ("It waits for a worker." if registered(ANSWERING_QUEUE).exists() else NOBODY)
        if question.state != JobState.RUNNING:
            return ""
        if question.is_silent:
            return "Nothing was heard of its worker for a while. If it is gone, another one answers anew."
        if not any(told for samples in self.told for told in samples):
            return "The model is being loaded."
        return "Its first worker was lost, so this is another one's answer." if question.losses else ""

    @cached_property
    def columns(self) -> list[Column]:
        question = self.question
        chosen = (question.chosen_model, question.chosen_sample)
        columns = []
        for number, (stored, samples) in enumerate(zip(question.config["models"], self.told, strict=True)):
            model = GeneratingModel.model_validate(stored)
            source = model.source if isinstance(model.source, CheckpointModel) else None
            responses = [Response(number, at, told, (number, at) == chosen) for at, told in enumerate(samples)]
            searches = [each for each in question.searches.all() if each.model == number]
            columns.append(Column(model.name, source, responses, searches))
        return columns

    @property
    def sampling(self) -> dict[str, Any]:
        return dict(self.question.config["sampling"])

    @property
    def can_be_searched(self) -> bool:
        """A later question means nothing by itself."""
        return self.question.number == 1 and not self.question.is_unfinished

    @property
    def can_be_labeled(self) -> bool:
        return not self.question.is_unfinished and any(told.get("text") for samples in self.told for told in samples)


def strip_of(told: dict[str, Any]) -> Strip:
    """A finished response as coloured tokens."""
    text = told["text"]
    ends = np.maximum.accumulate(np.clip(np.asarray(told["ends"], np.int64), 0, len(text)))
    values = {"logprob": np.asarray(told["logprobs"], float), "entropy": np.asarray(told["entropies"], float)}
    arrays = TokenArrays(ends, np.asarray(told["ids"], np.int64), values)
    return render_strip(text, arrays, scaled_columns(arrays, None), [], ended=told["finish_reason"] == "stop")
