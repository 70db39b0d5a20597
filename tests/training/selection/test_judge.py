"""A judge is asked where there is no answer, about nothing else, and only a yes counts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.runs import tiny_config
from training.assembly import Parts
from training.assembly import selection as assembly
from training.codec import Codec, stop_ids
from training.config import PromptConfig, RejectionSampling, RunConfig
from training.distributed import Processes
from training.experience.types import Group, Rollout
from training.problems.types import Problem
from training.recorder import Recorder
from training.sampling.types import Completion
from training.selection.judge import AnswerJudge, verdict_of
from training.sources import Problems, load_model
from training.stopping import StopSignal


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("Yes.", True),
        ("No, it does not.", False),
        ("<think>no, or yes? no.</think> YES", True),
        ("It is not wrong; yes", True),
        ("nothing yesterday", None),
        ("", None),
    ],
)
def test_the_last_word_counts(reply: str, verdict: bool | None) -> None:
    assert verdict_of(reply) is verdict


class Scripted:
    """An engine whose replies are given; remembers what it was asked."""

    def __init__(self, codec: Codec, replies: list[str]) -> None:
        self.asked: list[str] = []
        self._codec = codec
        self._replies = replies

    def sample(self, prompts: list[list[int]], params: Any) -> list[list[Completion]]:
        self.asked += [self._codec.text(prompt) for prompt in prompts]
        nothing = np.zeros(1, np.float32)
        ids = [self._codec.response_ids(reply)[:-1] for reply in self._replies]
        return [[Completion(each, nothing, nothing, "stop", 0)] for each in ids]


def problem(name: str, answer: str) -> Problem:
    return Problem(name, f"{name}?", answer, "by the book", "train", "easy")


def test_only_open_problems_are_judged_and_what_does_not_fit_is_left_open() -> None:
    model, tokenizer = load_model(RunConfig(), torch.device("cpu"))
    codec = Codec(tokenizer, PromptConfig(), stop_ids(model, tokenizer))
    engine = Scripted(codec, ["yes", "no"])
    nothing = np.zeros(1, np.float32)

    def response(text: str, correct: bool | None) -> Rollout:
        return Rollout([1], text, "stop", nothing, nothing, correct=correct)

    groups = [
        Group(problem("sure", "2"), [1], [response("two", False)]),
        Group(problem("open", ""), [1], [response("good", None), response("bad", None), response("x" * 9000, None)]),
    ]
    judge = AnswerJudge(engine, codec, Processes(), 8, 600)  # type: ignore[arg-type]
    judge.settle(groups)
    assert [[rollout.correct for rollout in group.rollouts] for group in groups] == [[False], [True, False, None]]
    assert len(engine.asked) == 2
    assert "open?" in engine.asked[0]
    assert "by the book" in engine.asked[0]
    assert "good" in engine.asked[0]


def test_a_selection_keeps_what_its_judge_accepts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All responses of the model are accepted, so that each open problem gets its longest one for a solution."""

    def accept(self: AnswerJudge, groups: list[Group]) -> None:
        for group in groups:
            for rollout in group.rollouts:
                rollout.correct = rollout.correct or not group.problem.answer

    monkeypatch.setattr(AnswerJudge, "settle", accept)
    rule = RejectionSampling.model_validate({"samples": 2, "max_tokens": 24, "judge": {"kind": "builtin"}})
    config = RunConfig.model_validate(
        tiny_config(method={"kind": "sft", "max_length": 64}, selection=rule.model_dump())
    )
    torch.set_num_threads(1)
    problems = Problems([problem("open", ""), problem("1+1=", "77")], [])
    model = load_model(config, torch.device("cpu"))
    parts = Parts.of(config, problems, *model, Recorder(), Processes(), tmp_path)
    (kept,) = assembly.select_problems(parts, StopSignal(), told=True).problems.train
    assert kept.id == "open"
    assert kept.solution not in (None, "", "by the book")
