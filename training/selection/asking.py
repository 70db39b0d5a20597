"""Asks a model all problems before a run, batch by batch; a killed run goes on after its last whole batch."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.distributed import Processes
from training.experience.direct import DirectExperience
from training.experience.types import Group
from training.problems.types import Problem
from training.recorder import Recorder
from training.sampling.types import SamplingParams
from training.selection.judge import AnswerJudge
from training.stopping import Stopped, StopSignal
from training.whole_lines import cut_unfinished_line

RESPONSES_AT_ONCE = 1024
"""Responses between two lines of the file, or those to one problem: what a killed run asks again at most."""

logger = logging.getLogger("training")


@dataclass(frozen=True, slots=True)
class Response:
    """A right response that came to its own end."""

    text: str
    length: int
    """In tokens."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model answered to one problem."""

    right: int
    """Right responses among those sampled."""
    tokens: int
    """Of all of them."""
    found: tuple[Response, ...] = ()
    """The right ones in the order they were drawn, where they are asked for."""
    sample: str = ""
    """One response, to show: the first."""


class AnswerFile:
    """Answers as lines of JSON, one a problem in its order; the first line names what they are answers to.

    Only the first of several processes writes it, and what it has read holds for all.
    """

    def __init__(self, path: Path | None, name: str, processes: Processes) -> None:
        """`name` tells apart models, problems and rules; answers of another name are asked anew."""
        self._path = path if processes.is_first else None
        self._name = name
        self.answers: list[Answers] = processes.gather(self._read())[0]

    def add(self, answers: Sequence[Answers]) -> None:
        """Write the answers to the next problems; they are on disk or in the system's hands when this returns."""
        self.answers += answers
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in answers)

    def _read(self) -> list[Answers]:
        if self._path is None:
            return []
        if self._path.exists():
            with self._path.open("ab") as file:
                cut_unfinished_line(self._path, file)
            with self._path.open(encoding="utf-8") as lines:
                records = [json.loads(line) for line in lines]
            if records and records[0] == {"name": self._name}:
                return [_as_answers(record) for record in records[1:]]
            logger.info("what was asked before is of another selection, and is asked anew")
        self._path.write_text(json.dumps({"name": self._name}) + "\n", encoding="utf-8")
        return []


def ask_all(
    problems: Sequence[Problem],
    params: SamplingParams,
    experience: DirectExperience,
    recorder: Recorder,
    file: AnswerFile,
    stop: StopSignal,
    processes: Processes,
    keep: bool,
    judge: AnswerJudge | None = None,
) -> list[Answers]:
    """The answers to each problem, `params.n` responses each; with `keep`, also the texts of those that are right.

    A judge decides about problems without an answer.
    Raises Stopped between two batches when somebody asks the run to stop.
    """
    size = max(RESPONSES_AT_ONCE // params.n, 1)
    with recorder.phase("selecting", total=params.n * len(problems)):
        for start in range(0, len(problems), size):
            if len(file.answers) >= min(start + size, len(problems)):
                continue
            if processes.any(stop.requested):
                raise Stopped
            recorder.begin_part(start * params.n)
            part = problems[start : start + size]
            groups = experience.gather(part, [params] * len(part), first=start, paid=False)
            if judge is not None:
                judge.settle(groups)
            answers = [_answers_of(group, keep) for group in groups]
            file.add(answers[len(file.answers) - start :])  # a torn batch is asked as a whole again
    experience.take_figures()  # no part of the first step
    return file.answers


def _answers_of(group: Group, keep: bool) -> Answers:
    right = [rollout for rollout in group.rollouts if rollout.correct]
    ended = [rollout for rollout in right if not rollout.truncated] if keep else []
    return Answers(
        right=len(right),
        tokens=group.tokens_sampled,
        found=tuple(Response(rollout.text, len(rollout)) for rollout in ended),
        sample=group.rollouts[0].text,
    )


def _as_answers(record: dict[str, Any]) -> Answers:
    return Answers(**record | {"found": tuple(Response(**each) for each in record["found"])})
